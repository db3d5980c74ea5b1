"""How long a part of Airflow waits for SQLite while another one writes to it.

Airflow's API server writes its audit log in its event loop. A request whose thread holds the lock
by then is over only when that loop ends it; so the loop would wait for what waits for it until
SQLite gives up, and with the one lock nothing of Airflow goes on. There it gives up soon: the
request is answered with an error, and may be sent again. Everywhere else it pays to wait.

This is read by Airflow as it starts: nothing heavy may be imported.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

SECONDS = 60.0
"""After Python's own 5 s the scheduler ends itself, and with a score of products on a busy machine
it did."""

SECONDS_IN_A_LOOP = 2.0


class _Cursor(sqlite3.Cursor):
    connection: Connection

    def execute(self, sql: str, parameters: Any = (), /) -> _Cursor:
        """Run a statement, waiting for the lock as long as may be here."""
        self._waits()
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> _Cursor:
        """Run a statement for each of some parameters, waiting as long as may be here."""
        self._waits()
        return super().executemany(sql, parameters)

    def _waits(self) -> None:
        seconds = SECONDS_IN_A_LOOP if _in_a_loop() else SECONDS
        if self.connection.seconds != seconds:
            super().execute(f"PRAGMA busy_timeout = {1000 * seconds:.0f}")
            self.connection.seconds = seconds


class Connection(sqlite3.Connection):
    """A connection that waits for the lock as long as may be where it is used."""

    seconds = SECONDS

    def cursor(self, factory: Any = _Cursor) -> Any:
        """Return a cursor that waits as long as may be."""
        return super().cursor(factory)


CONNECT_ARGS = {"factory": Connection, "timeout": SECONDS}
"""What Airflow gives SQLAlchemy, by `[database] sql_alchemy_connect_args`."""


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
