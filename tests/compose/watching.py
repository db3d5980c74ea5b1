"""What the tests on a server wait for: states of tasks, and words of a service."""

from __future__ import annotations

import time
from collections.abc import Callable

from mlfactory.product.errors import FactoryError
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.runs import DagRun
from tests.compose.conftest import Server

PRODUCT = "flight_delay"
DATA = f"{PRODUCT}.data"
KEYS = ("2013-01-01", "2013-02-01", "2013-03-01")
ROWS = dict(zip(KEYS, (26865, 24936, 28886), strict=True))


def wait(what: str, is_so: Callable[[], object], seconds: float) -> float:
    """Return after how many seconds something is so."""
    begun = time.monotonic()
    while not is_so():
        assert time.monotonic() - begun < seconds, f"not within {seconds:.0f} s: {what}"
        time.sleep(1)
    return time.monotonic() - begun


def data_run(api: AirflowApi, key: str) -> DagRun | None:
    """Return the newest run of a partition's data."""
    return next(iter(reversed(api.runs([DATA], key))), None)


def states(api: AirflowApi, key: str) -> dict[str, str]:
    """Return the state of each task of that run, nothing where Airflow does not answer."""
    try:
        run = data_run(api, key)
        return {task.task_id: task.state for task in api.tasks(run)} if run else {}
    except FactoryError:
        return {}


def redis(server: Server, *command: str) -> str:
    """Ask Redis something."""
    asked = 'REDISCLI_AUTH="$(cat /run/mlfactory/redis_password)" exec redis-cli "$@"'
    return server.compose("exec", "-T", "redis", "sh", "-c", asked, "redis-cli", *command).strip()


def rows_of(server: Server, table: str) -> dict[str, int]:
    """Return how many rows each partition has in a table of the lake."""
    program = f"""
from deltalake import DeltaTable
keys = DeltaTable("/var/lib/mlfactory/lake/{PRODUCT}/{table}").to_pandas(columns=["partition"])
print(*(f"{{key}}={{count}}" for key, count in keys["partition"].value_counts().items()))
"""
    printed = server.compose("exec", "-T", "scheduler", "python", "-c", program)
    pairs = (pair.split("=") for pair in printed.strip().splitlines()[-1].split())
    return {key: int(count) for key, count in pairs}
