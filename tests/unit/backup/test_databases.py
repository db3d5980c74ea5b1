from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from mlfactory.backup import databases
from mlfactory.product.errors import FactoryError, UsageError
from mlfactory.settings import settings

POSTGRES = make_url("postgresql://us:secret@127.0.0.1:1/mlflow")


def test_a_database_that_is_written_to_is_copied_as_it_is_at_one_moment(tmp_path: Path) -> None:
    path, other = tmp_path / "mlflow.db", tmp_path / "other" / "mlflow.db"
    with sqlite3.connect(path) as writer:
        writer.execute("create table runs (x)")
        writer.execute("insert into runs values (1)")
        writer.commit()
        writer.execute("insert into runs values (2)")
        content = databases.dumped(make_url(f"sqlite:///{path}"))
        writer.rollback()
    assert content is not None
    url = make_url(f"sqlite:///{other}")
    assert not databases.has_anything(url)
    databases.put_back(url, content)
    assert databases.has_anything(url)
    with sqlite3.connect(other) as reader:
        assert reader.execute("select x from runs").fetchall() == [(1,)]


def test_no_database_yet_is_nothing(tmp_path: Path) -> None:
    url = make_url(f"sqlite:///{tmp_path / 'none.db'}")
    assert databases.dumped(url) is None
    assert not (tmp_path / "none.db").exists()


def test_a_server_whose_database_nobody_names_is_told_without_its_login(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFACTORY_MLFLOW_URI", "https://us:secret@mlflow.example")
    settings.cache_clear()
    # of former days, when this home had an MLflow of its own
    (home / "mlflow").mkdir(parents=True)
    (home / "mlflow" / "mlflow.db").touch()
    with pytest.raises(UsageError, match=r"MLFACTORY_MLFLOW_URI") as told:
        databases.database()
    assert "secret" not in str(told.value)


def test_the_server_of_this_home_has_the_file_of_this_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFACTORY_MLFLOW_URI", settings().local_mlflow)
    settings.cache_clear()
    file = home / "mlflow" / "mlflow.db"
    file.parent.mkdir(parents=True)
    file.touch()
    assert databases.database().database == str(file)


@pytest.mark.parametrize("path", ["", None])
def test_postgresql_that_is_away_or_has_no_program_is_a_message(
    path: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path is not None:
        monkeypatch.setenv("PATH", path)
    with pytest.raises(FactoryError, match="pg_dump") as told:
        databases.dumped(POSTGRES)
    assert "secret" not in str(told.value)
