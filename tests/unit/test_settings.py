"""Settings: read from the environment, the same in every process."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlfactory.settings import Settings, without_login


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFACTORY_HOME", "state")
    assert Settings().home == tmp_path / "state"
    assert Settings().tracking_uri == f"sqlite:///{tmp_path}/state/mlflow/mlflow.db"


def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PORT", "99999")
    with pytest.raises(ValueError, match="airflow_port"):
        Settings()


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PASSWORD", "open sesame")
    assert "sesame" not in repr(Settings())


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("s3://bucket/prefix/", "s3://bucket/prefix"),
        ("s3://bucket", "s3://bucket"),
        ("/data/lake/", "/data/lake"),
        ("file:///data/my%20lake", "/data/my lake"),
    ],
)
def test_a_lake_is_a_bucket_or_a_folder(
    monkeypatch: pytest.MonkeyPatch, given: str, meant: str
) -> None:
    monkeypatch.setenv("MLFACTORY_LAKE", given)
    assert Settings().lake_uri == meant


def test_a_relative_lake_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFACTORY_LAKE", "lake")
    assert Settings().lake_uri == str(tmp_path / "lake")


@pytest.mark.parametrize("given", ["gs://bucket/lake", "s3://", "file://host/lake"])
def test_a_lake_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("MLFACTORY_LAKE", given)
    with pytest.raises(ValueError, match="neither a folder nor an address like s3://"):
        Settings()


def test_artifacts_lie_beside_a_lake_on_s3_and_in_the_home_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path))
    assert Settings().artifacts_uri == f"{tmp_path}/mlflow/artifacts"
    monkeypatch.setenv("MLFACTORY_LAKE", "s3://bucket/prefix")
    assert Settings().artifacts_uri == "s3://bucket/prefix/_mlflow"
    monkeypatch.setenv("MLFACTORY_ARTIFACTS", "s3://models")
    assert Settings().artifacts_uri == "s3://models"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("http://ann:s3cret@mlflow.example.com:5000/a@b", "http://mlflow.example.com:5000/a@b"),
        ("https://token@mlflow.example.com", "https://mlflow.example.com"),
        ("postgresql://ann:s3@cret@db/mlflow", "postgresql://db/mlflow"),
        ("http://ann:s3cret@[broken", "http://[broken"),
        ("http://mlflow.example.com", "http://mlflow.example.com"),
        ("sqlite:////srv/mail@host.db", "sqlite:////srv/mail@host.db"),
        ("s3://bucket/team@site/lake", "s3://bucket/team@site/lake"),
        ("http://[::1]:5000/a@b", "http://[::1]:5000/a@b"),
        ("postgresql://db/mlflow?user=ann&password=s3cret", "postgresql://db/mlflow"),
        ("postgresql:///mlflow?password=s3@cret", "postgresql:///mlflow"),
        ("https://mlflow.example.com/?token=s3cret", "https://mlflow.example.com/"),
        ("postgresql://ann:s3/cr#e?t@db/mlflow", "postgresql://db/mlflow"),
        ("postgresql://ann:5/cret@db/mlflow", "postgresql://db/mlflow"),
        ("postgresql://ann@firm:s3/cret@db/mlflow", "postgresql://db/mlflow"),
        ("http://ann:s3/cret@mlflow.example.com", "http://mlflow.example.com"),
    ],
)
def test_an_address_is_shown_without_its_login(given: str, shown: str) -> None:
    assert without_login(given) == shown
    if given.startswith("http"):
        assert Settings(mlflow_uri=given).mlflow_url == shown
        assert Settings(mlflow_ui=given).mlflow_url == shown


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with the settings of two environments."""
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "staging.env").write_text("MLFACTORY_HOME=/s\nMLFACTORY_AIRFLOW_PORT=8081\n")
    (folder / "production.env").write_text("MLFACTORY_HOME=/p\n")
    monkeypatch.setenv("MLFACTORY_ENVIRONMENTS", str(folder))
    return folder


@pytest.mark.usefixtures("environments")
def test_an_environments_file_says_what_the_process_was_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFACTORY_ENV", "staging")
    monkeypatch.setenv("MLFACTORY_HOME", "/mine")
    assert (Settings().home, Settings().airflow_port) == (Path("/mine"), 8081)


def test_dot_env_names_the_environment_and_goes_before_its_file(
    environments: Path, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        f"MLFACTORY_ENV=staging\nMLFACTORY_HOME=/told\nMLFACTORY_ENVIRONMENTS={environments}\n"
    )
    made = Settings(_env_file=tmp_path / ".env")
    assert (made.env, made.home, made.airflow_port) == ("staging", Path("/told"), 8081)


@pytest.mark.parametrize("name", ["prod", "../environments/staging"])
@pytest.mark.usefixtures("environments")
def test_an_environment_that_nobody_wrote_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("MLFACTORY_ENV", name)
    with pytest.raises(ValueError, match=r"no such environment in .* \(there are production, stag"):
        Settings()


def test_another_environment_is_seen_without_what_this_process_was_told_about_itself(
    environments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFACTORY_ENV", "staging")
    monkeypatch.setenv("MLFACTORY_LAKE", "s3://mine/lake")
    monkeypatch.setenv("MLFACTORY_PRODUCTION_MLFLOW_URI", "https://who:what@mlflow.example.com")
    other = Settings(env="production", environments=environments)
    assert (other.lake_uri, other.env) == ("/p/lake", "production")
    assert other.tracking_uri == "https://who:what@mlflow.example.com"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            b"MLFACTORY_HOME=/p\nMLFACTORY_LAEK=s3://lake/p\n",
            "line 2: MLFACTORY_LAEK is no setting",
        ),
        (b"LAKE=s3://lake/p\n", "line 1: LAKE is no setting"),
        (b"# where\nMLFACTORY_LAKE: s3://lake/p\n", "line 2: cannot be read as NAME=value"),
        (b"MLFACTORY_JWT_SECRET=sesame\n", "line 1: MLFACTORY_JWT_SECRET holds a secret"),
        (b"MLFACTORY_MLFLOW_URI=http://me:sesame@mlflow\n", "MLFACTORY_MLFLOW_URI holds a secret"),
        (b"MLFACTORY_HOME=/caf\xe9\n", "is no file of text"),
    ],
)
def test_an_environments_file_that_says_what_nobody_reads_is_refused_by_its_line(
    environments: Path, content: bytes, told: str
) -> None:
    """A default would stand in its place, and a release go to another lake."""
    (environments / "production.env").write_bytes(content)
    with pytest.raises(ValueError, match=told) as raised:
        Settings(env="production", environments=environments)
    assert "sesame" not in str(raised.value)


def test_a_folder_or_a_link_to_nowhere_is_no_environment(environments: Path) -> None:
    (environments / "folder.env").mkdir()
    (environments / "link.env").symlink_to(environments / "nothing")
    for name in ("folder", "link"):
        with pytest.raises(ValueError, match="is no file of text"):
            Settings(env=name, environments=environments)


@pytest.mark.parametrize("name", ["development", "staging", "production"])
def test_the_repository_has_settings_of_three_environments(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("MLFACTORY_ENVIRONMENTS", raising=False)
    assert Settings(env=name).env == name
