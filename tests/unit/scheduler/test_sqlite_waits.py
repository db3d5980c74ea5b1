"""SQLite is waited for, but not in an event loop that the holder of its lock waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from mlfactory.scheduler import sqlite_waits

WRITE = text("INSERT INTO log VALUES (1)")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(
        f"sqlite:///{tmp_path}/airflow.db",
        connect_args={**sqlite_waits.CONNECT_ARGS, "check_same_thread": False},
    )
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE log (n INTEGER)"))
    yield made
    made.dispose()


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM log")).scalar_one())


def test_the_loop_gives_up_so_that_the_holder_can_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_waits, "SECONDS_IN_A_LOOP", 0.2)
    held, let_go = asyncio.Event(), asyncio.Event()

    async def request() -> None:
        # as FastAPI: the endpoint writes in a thread, the loop ends its session
        connection = engine.connect()
        await asyncio.to_thread(connection.execute, WRITE)
        held.set()
        await let_go.wait()
        await asyncio.to_thread(connection.commit)
        await asyncio.to_thread(connection.close)

    async def audit() -> None:
        await held.wait()
        with engine.begin() as connection:
            connection.execute(WRITE)

    async def both() -> float:
        holder = asyncio.create_task(request())
        start = time.perf_counter()
        with pytest.raises(OperationalError, match="locked"):
            await audit()
        took = time.perf_counter() - start
        let_go.set()
        await holder
        await audit()
        return took

    assert asyncio.run(both()) < 20
    with engine.connect() as connection:
        assert count(connection) == 2


def test_elsewhere_it_is_waited_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_waits, "SECONDS_IN_A_LOOP", 0.01)

    def write() -> None:
        with engine.begin() as connection:
            connection.execute(WRITE)

    async def in_a_thread() -> None:
        holder = engine.connect()
        holder.execute(WRITE)
        waiting = asyncio.create_task(asyncio.to_thread(write))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        holder.commit()
        holder.close()
        await waiting

    asyncio.run(in_a_thread())
    with engine.connect() as connection:
        assert count(connection) == 2
        assert connection.execute(text("PRAGMA busy_timeout")).scalar_one() == 60_000
