"""The first user of a server gets in with the password of the settings, after each start."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from werkzeug.security import check_password_hash

from mlfactory.cli.server.migrate import make_tables
from mlfactory.cli.server.secrets import make_secrets
from mlfactory.settings import Settings


def test_a_password_that_changed_in_the_settings_is_that_of_the_first_user(tmp_path: Path) -> None:
    secrets, file = tmp_path / "secrets", tmp_path / "airflow.db"
    list(make_secrets(secrets, "postgres:5432", "redis:6379"))

    def start(password: str, name: str = "admin") -> str:
        make_tables(
            Settings(
                _env_file=None,
                _secrets_dir=secrets,
                home=tmp_path / "home",
                airflow_database=f"sqlite:///{file}",
                airflow_user=name,
                airflow_password=password,
            )
        )
        with sqlite3.connect(file) as database:
            users = dict(database.execute("SELECT username, password FROM ab_user").fetchall())
        assert check_password_hash(users[name], password)
        assert {*users} == {"admin", name}
        return str(users[name])

    first = start("one of the first start")
    assert start("one of the first start") == first
    assert start("another") != first
    # another name is another user, and the first one stays
    start("of the second", "operator")
    start("of the second", "operator")
