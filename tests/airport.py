"""The airport of `examples/`: its databases, made once, and its API on a free port."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from examples.airport.api import Api
from examples.airport.tables import RECORDS, TIMETABLE

TOKEN = "a-token-of-these-tests"


@contextmanager
def open_airport(folder: Path, per_second: float = 1000.0) -> Iterator[Api]:
    """Serve the records of a folder as long as this lasts."""
    with Api(folder / RECORDS, TOKEN, per_second=per_second) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def url_of(server: Api) -> str:
    """Return where an airport answers."""
    return f"http://127.0.0.1:{server.server_port}"


def connections_to(server: Api, folder: Path, token: str = TOKEN) -> Mapping[str, str]:
    """Return the variables that tell a product of an airport."""
    api = {"conn_type": "http", "host": url_of(server), "password": token}
    timetable = {"conn_type": "sqlite", "host": str(folder / TIMETABLE)}
    return {
        "AIRFLOW_CONN_AIRPORT_API": json.dumps(api),
        "AIRFLOW_CONN_AIRPORT_TIMETABLE": json.dumps(timetable),
    }
