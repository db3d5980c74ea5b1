"""Whether a part may start beside the others: its clock, and what it runs, are theirs.

Asked of PostgreSQL, where all parts meet, and not of the API: that may start after them, and lets
in only who knows the password of a person, which people change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mlfactory.lake.deployed import REMEDY, RUNS, Deployed, deployed, difference, from_text
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.settings import Settings

LEEWAY_SECONDS = 60
"""How far the clocks of two parts may be apart: what one signs is otherwise too old for another,
or not valid yet."""

_STORED = text("SELECT val, is_encrypted FROM variable WHERE key = :key")
_PAUSE_SECONDS = 5.0
_PATIENCE_SECONDS = 300.0
_SECONDS = 10
"""To reach PostgreSQL."""

Say = Callable[[str], None]
T = TypeVar("T")


def refuse_another_time(settings: Settings, here: Callable[[], datetime] | None = None) -> None:
    """Make sure that this machine's clock is that of PostgreSQL, give or take half the leeway.

    Args:
        here: tells this machine's time, with a time zone.

    Raises:
        UsageError: if it is not.
        ServiceError: if PostgreSQL does not answer.
    """
    apart = seconds_apart(settings, here or (lambda: datetime.now(UTC)))
    if abs(apart) > LEEWAY_SECONDS / 2:
        raise UsageError(
            f"this machine's clock is {abs(apart):,.0f} s {'behind' if apart > 0 else 'ahead of'} "
            "PostgreSQL's: what the parts sign for each other would be too old, or not valid yet",
            remedy="let both be set by the network's time (timedatectl set-ntp true); "
            f"{LEEWAY_SECONDS // 2} s are borne",
        )


def seconds_apart(settings: Settings, here: Callable[[], datetime]) -> float:
    """Return by how many seconds PostgreSQL's clock is ahead of this machine's.

    Raises:
        ServiceError: if PostgreSQL does not answer.
    """

    def asked(connection: Connection) -> float:
        before = here()
        there = connection.execute(select(func.now())).scalar_one()
        # SQLite tells no time zone; it means UTC
        there = there if there.tzinfo else there.replace(tzinfo=UTC)
        return float((there - (before + (here() - before) / 2)).total_seconds())

    return _asked(settings, asked)


def wait_for_the_same(
    settings: Settings, say: Say, *, patience: float = _PATIENCE_SECONDS, pause: float | None = None
) -> None:
    """Return when the scheduler runs what is here; in a rolling update one of them is first.

    Args:
        say: told what is being waited for, each thing once.
        patience: in seconds.

    Raises:
        UsageError: if it still runs something else; whoever starts parts starts this one again.
    """
    deadline, said = time.monotonic() + patience, ""
    while True:
        try:
            wrong = difference(scheduler_runs(settings), deployed())
        except ServiceError as error:
            wrong = error.problem
        if not wrong:
            return
        if wrong != said:
            say(f"waiting, and taking no tasks: {wrong}\n  → {REMEDY}")
            said = wrong
        if time.monotonic() > deadline:
            raise UsageError(f"this worker takes no tasks: {wrong}", remedy=REMEDY)
        time.sleep(_PAUSE_SECONDS if pause is None else pause)


def scheduler_runs(settings: Settings) -> Deployed | None:
    """Return what the scheduler said that it runs, None if it has not.

    Raises:
        ServiceError: if PostgreSQL does not answer.
    """
    found = _asked(settings, lambda one: one.execute(_STORED, {"key": RUNS}).first())
    if found is None:
        return None
    value = str(found.val)
    return from_text(_plain(value, settings) if found.is_encrypted else value)


def _plain(value: str, settings: Settings) -> str:
    from cryptography.fernet import Fernet, InvalidToken, MultiFernet

    try:
        keys = settings.fernet_key.get_secret_value() if settings.fernet_key else ""
        # as Airflow reads it: the new one and former ones, for as long as these are in use
        ways = MultiFernet([Fernet(key) for key in keys.split(",")])
        return ways.decrypt(value.encode()).decode()
    except (InvalidToken, ValueError):
        raise UsageError(
            "what the scheduler wrote cannot be read with this MLFACTORY_FERNET_KEY",
            remedy="give all parts the same",
        ) from None


def _asked(settings: Settings, ask: Callable[[Connection], T]) -> T:
    if settings.airflow_database is None:
        raise UsageError("MLFACTORY_AIRFLOW_DATABASE is not set", remedy="all parts have the same")
    try:
        address = settings.airflow_database.get_secret_value()
        with _engine(address) as engine, engine.connect() as connection:
            return ask(connection)
    except (ArgumentError, ValueError):
        # what it says has the address in it, and that the password
        raise UsageError(
            "MLFACTORY_AIRFLOW_DATABASE is no address of a database",
            remedy="write it as postgresql+psycopg2://user:password@host:5432/name, "
            "with %2F for a / in the password, %40 for an @",
        ) from None
    except SQLAlchemyError as error:
        told = str(error.__cause__ or error).strip().splitlines()[0]
        raise ServiceError(
            f"Airflow's database does not answer: {told}", remedy="start PostgreSQL"
        ) from None


@contextmanager
def _engine(address: str) -> Iterator[Engine]:
    """Give an engine that does not wait for minutes where a network swallows what is sent."""
    url = make_url(address)
    waits = {"connect_timeout": _SECONDS} if url.get_backend_name() == "postgresql" else {}
    engine = create_engine(url, connect_args=waits)
    try:
        yield engine
    finally:
        engine.dispose()
