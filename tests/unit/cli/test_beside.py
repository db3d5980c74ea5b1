"""A part starts beside the others only with their time and their code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, create_engine, text

from mlfactory.cli.server.beside import (
    LEEWAY_SECONDS,
    refuse_another_time,
    scheduler_runs,
    wait_for_the_same,
)
from mlfactory.lake.deployed import RUNS, Deployed, deployed
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.settings import Settings

KEY = Fernet.generate_key()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """Airflow's table of variables, as far as it is read."""
    engine = create_engine(f"sqlite:///{tmp_path / 'airflow.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE variable (key TEXT, val TEXT, is_encrypted BOOLEAN)"))
    yield engine
    engine.dispose()


def of(database: Engine, **more: object) -> Settings:
    given = {"fernet_key": KEY.decode(), **more}
    return Settings(_env_file=None, airflow_database=str(database.url), **given)


def tell(database: Engine, value: str, *, encrypted: bool = True) -> None:
    stored = Fernet(KEY).encrypt(value.encode()).decode() if encrypted else value
    with database.begin() as connection:
        connection.execute(text("DELETE FROM variable"))
        connection.execute(
            text("INSERT INTO variable VALUES (:key, :val, :is_encrypted)"),
            {"key": RUNS, "val": stored, "is_encrypted": encrypted},
        )


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_worker_that_runs_what_the_scheduler_runs_takes_tasks_at_once(
    database: Engine, encrypted: bool
) -> None:
    tell(database, deployed().as_text(), encrypted=encrypted)
    said: list[str] = []
    wait_for_the_same(of(database), said.append)
    assert said == []


def test_a_worker_of_another_revision_takes_none_and_says_why(database: Engine) -> None:
    there = Deployed("000000000000", deployed().lock)
    tell(database, there.as_text())
    said: list[str] = []
    with pytest.raises(UsageError, match="takes no tasks: this machine runs another revision"):
        wait_for_the_same(of(database), said.append, patience=0.05, pause=0.01)
    assert len(said) == 1
    assert f"here {deployed()}; there {there}" in said[0]


def test_a_worker_that_was_first_in_a_rolling_update_begins_when_the_scheduler_is_new(
    database: Engine,
) -> None:
    said: list[str] = []

    def renewed(line: str) -> None:
        said.append(line)
        tell(database, Deployed("0", "0").as_text() if len(said) == 1 else deployed().as_text())

    wait_for_the_same(of(database), renewed, pause=0.01)
    assert [("no scheduler" in line, "another revision" in line) for line in said] == [
        (True, False),
        (False, True),
    ]


def test_a_worker_waits_for_a_database_that_is_away(tmp_path: Path) -> None:
    absent = Settings(_env_file=None, airflow_database=f"sqlite:///{tmp_path}/none/x.db")
    said: list[str] = []
    with pytest.raises(UsageError, match="takes no tasks: Airflow's database does not answer"):
        wait_for_the_same(absent, said.append, patience=0.05, pause=0.01)
    with pytest.raises(ServiceError, match="Airflow's database does not answer"):
        scheduler_runs(absent)


def test_a_key_that_is_not_the_schedulers_is_told(database: Engine) -> None:
    tell(database, deployed().as_text())
    other = of(database, fernet_key=Fernet.generate_key().decode())
    with pytest.raises(UsageError, match="MLFACTORY_FERNET_KEY"):
        scheduler_runs(other)


def test_what_was_written_with_a_former_key_is_read_while_a_new_one_comes_in(
    database: Engine,
) -> None:
    tell(database, deployed().as_text())
    keys = f"{Fernet.generate_key().decode()},{KEY.decode()}"
    assert scheduler_runs(of(database, fernet_key=keys)) == deployed()


@pytest.mark.parametrize(("minutes", "word"), [(-3, "behind"), (3, "ahead of")])
def test_a_part_whose_clock_is_minutes_off_does_not_start(
    database: Engine, minutes: int, word: str
) -> None:
    with pytest.raises(UsageError, match=f"clock is 1[78]\\d s {word} PostgreSQL's"):
        refuse_another_time(of(database), lambda: datetime.now(UTC) + timedelta(minutes=minutes))


def test_a_clock_that_is_nearly_the_same_is_borne(database: Engine) -> None:
    refuse_another_time(of(database))
    nearly = timedelta(seconds=LEEWAY_SECONDS / 2 - 3)
    refuse_another_time(of(database), lambda: datetime.now(UTC) - nearly)


@pytest.mark.parametrize(
    "address", ["nonsense", "postgresql+nonesuch://airflow:geheim@postgres/airflow"]
)
def test_an_address_that_cannot_be_read_is_named_without_its_password(address: str) -> None:
    with pytest.raises(UsageError, match="is no address of a database") as caught:
        refuse_another_time(Settings(_env_file=None, airflow_database=address))
    assert "geheim" not in str(caught.value)
