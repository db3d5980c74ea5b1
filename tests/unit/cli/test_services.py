"""Where the services keep what they have is said by our settings, whatever the shell says."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil
import pytest

from mlfactory.cli.airflow_environment import airflow_environment
from mlfactory.cli.other_mlflow import other_mlflow
from mlfactory.cli.services import Service, services
from mlfactory.settings import Settings


def mlflow(settings: Settings) -> Service:
    (found,) = (service for service in services(settings) if service.name == "mlflow")
    return found


def test_the_address_for_links_is_for_links_alone(tmp_path: Path) -> None:
    chosen = Settings(home=tmp_path, mlflow_ui="https://mlflow.example.com", mlflow_port=5123)
    assert airflow_environment(chosen)["MLFACTORY_MLFLOW_URI"] == "http://127.0.0.1:5123"
    assert mlflow(chosen).address == "http://127.0.0.1:5123"
    assert mlflow(chosen).url == "https://mlflow.example.com"


def test_tasks_and_the_server_have_one_database(tmp_path: Path) -> None:
    there = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    chosen = Settings(home=tmp_path, mlflow_uri=there)
    assert airflow_environment(chosen)["MLFACTORY_MLFLOW_URI"] == there
    assert mlflow(chosen).environment["MLFLOW_BACKEND_STORE_URI"] == there
    assert not any("elsewhere" in word for word in mlflow(chosen).command)


@pytest.mark.parametrize("there", ["https://mlflow.example.com", "http://127.0.0.1:5999"])
def test_no_server_is_started_beside_the_one_that_the_settings_name(
    tmp_path: Path, there: str
) -> None:
    chosen = Settings(home=tmp_path, mlflow_uri=there)
    assert [service.name for service in services(chosen)] == ["airflow"]
    assert other_mlflow(chosen) == there
    assert airflow_environment(chosen)["MLFACTORY_MLFLOW_URI"] == there


def named(host: str, uri: str) -> Settings:
    return Settings(host=host, mlflow_uri=uri, mlflow_port=5123)


HERE = platform.node()


@pytest.mark.parametrize(
    ("host", "uri"),
    [
        ("127.0.0.1", "http://127.0.0.1:5123/"),
        ("127.0.0.1", "http://LocalHost:5123"),
        ("127.0.0.1", "HTTP://127.0.0.1:5123"),
        ("127.0.0.1", "http://0.0.0.0:5123"),
        ("0.0.0.0", "http://0.0.0.0:5123"),
        ("0.0.0.0", f"http://{HERE}:5123"),
        ("0.0.0.0", "http://127.0.1.1:5123"),
        (HERE.upper(), f"http://{HERE.lower()}:5123"),
        ("127.0.0.1", "http://ann:s3cret@127.0.0.1:5123"),
    ],
)
def test_a_server_that_is_named_where_ours_would_be_is_ours_however_it_is_spelled(
    host: str, uri: str
) -> None:
    chosen = named(host, uri)
    assert other_mlflow(chosen) is None
    ours = f"sqlite:///{chosen.home / 'mlflow' / 'mlflow.db'}"
    assert mlflow(chosen).environment["MLFLOW_BACKEND_STORE_URI"] == ours


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5124",
        "HTTP://mlflow.invalid:5123",
        "http://127.0.0.1",
        "https://127.0.0.1:5123",
        "http://192.0.2.77:5123",
        "http://no-such-host.invalid:5123",
        "http://127.0.0.1:99999",
        "http://[broken:5123",
        # where ours does not listen: another may
        "http://[::1]:5123",
    ],
)
def test_a_server_that_is_named_where_ours_would_not_answer_is_another(uri: str) -> None:
    assert other_mlflow(named("127.0.0.1", uri)) == uri.lower()


def test_every_address_of_this_machine_is_that_of_a_server_that_listens_to_all() -> None:
    own = {
        one.address for each in psutil.net_if_addrs().values() for one in each if one.family == 2
    }
    assert "127.0.0.1" in own
    for address in own:
        assert other_mlflow(named("0.0.0.0", f"http://{address}:5123")) is None


@pytest.mark.parametrize(
    "name",
    [
        "MLFLOW_TRACKING_URI",
        "MLFLOW_REGISTRY_URI",
        "MLFLOW_REGISTRY_STORE_URI",
        "MLFLOW_DEFAULT_ARTIFACT_ROOT",
        "MLFLOW_S3_ENDPOINT_URL",
        "MLFLOW_STATIC_PREFIX",
        "MLFLOW_EXPERIMENT_NAME",
        "MLFLOW_RUN_ID",
        "_MLFLOW_SERVER_FILE_STORE",
    ],
)
def test_what_points_another_mlflow_somewhere_does_not_get_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    monkeypatch.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", "factory.example.com")
    chosen = Settings(home=tmp_path)
    tasks, server = airflow_environment(chosen), mlflow(chosen).environment
    assert name not in tasks and name not in server
    # how to get in at our own setting's server, and who may reach ours, is still the user's to say
    assert tasks["MLFLOW_TRACKING_TOKEN"] == "secret"
    assert server["MLFLOW_SERVER_ALLOWED_HOSTS"] == "factory.example.com"
