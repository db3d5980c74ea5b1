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


def test_the_database_that_the_address_of_mlflow_names_goes_before_that_of_a_server(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFACTORY_MLFLOW_DATABASE", "postgresql://db/of_the_server")
    for uri, found in (
        ("http://mlflow:5000", "of_the_server"),
        ("postgresql://db/for_this_command", "for_this_command"),
    ):
        monkeypatch.setenv("MLFACTORY_MLFLOW_URI", uri)
        settings.cache_clear()
        assert databases.database().database == found
    monkeypatch.setenv("MLFACTORY_MLFLOW_URI", "postgresql://us:secret@db")
    settings.cache_clear()
    with pytest.raises(UsageError, match=r"^postgresql://db names no database"):
        databases.database()


def test_no_variable_leads_pg_dump_to_another_database_and_nobody_sees_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "$PGPASSWORD" "[$PGHOST$PGDATABASE]"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("PGDATABASE", "another")
    monkeypatch.setenv("PGPASSWORD", "another's")
    for url in (
        "postgresql+psycopg2://us:it's@h:5/mlflow?sslmode=require",
        "postgresql://h:5/mlflow?user=us&password=it's&sslmode=require",
    ):
        said = (databases.dumped(make_url(url)) or b"").decode().splitlines()
        assert said[0] == "--dbname" and said[-2:] == ["it's", "[]"]
        asked = set(said[1].split())
        assert asked == {
            "host='h'",
            "port='5'",
            "dbname='mlflow'",
            "user='us'",
            "sslmode='require'",
        }
