"""Two workers, PostgreSQL and Redis: parts are killed in the middle of it, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import threading
import time

from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.runs import DagRun
from tests.compose.conftest import Server

PRODUCT = "flight_delay"
KEYS = ("2013-01-01", "2013-02-01", "2013-03-01")
PARTS = tuple(f"{PRODUCT}.{part}" for part in ("data", "score", "monitor", "train"))


def runs(api: AirflowApi) -> list[DagRun]:
    return [run for key in KEYS for run in api.runs(PARTS, key)]


def wait_for_training(api: AirflowApi, seconds: float) -> DagRun:
    """Return the run of the training once a search of it is under way."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for run in api.runs([f"{PRODUCT}.train"], KEYS[1]):
            if any(t.task_id == "search" and t.state == "running" for t in api.tasks(run)):
                return run
        time.sleep(1)
    raise AssertionError(f"no search began: {runs(api)}")


def test_a_worker_scheduler_and_database_that_go_away_lose_and_repeat_nothing(
    server: Server,
) -> None:
    told: list[str] = []

    def replay() -> None:
        told.append(server.mlfactory("replay", PRODUCT, KEYS[0], KEYS[-1], ends_with=None))

    replaying = threading.Thread(target=replay)
    replaying.start()
    with server.api() as api:
        training = wait_for_training(api, 400)
        killed = server.workers()[0]
        server.docker("kill", killed)
        server.compose("restart", "--timeout", "5", "scheduler", "postgres")
        replaying.join(600)
        # the command may have lost sight of Airflow while its database was away
        server.mlfactory("replay", PRODUCT, KEYS[0], KEYS[-1])
        states = {(run.dag_id, run.partition_key): run.state for run in runs(api)}
        assert set(states.values()) == {"success"}, (states, told, api.tasks(training))
        assert {key for dag, key in states if dag.endswith(".data")} == set(KEYS)
        assert all(not api.active_runs([part]) for part in PARTS)
    assert killed not in server.workers()
    status = server.mlfactory("status", PRODUCT)
    assert "champion v1" in status
    assert rows_by_partition(server) == {
        "features": dict(zip(KEYS, (26865, 24936, 28886), strict=True)),
        "predictions": {KEYS[2]: 28886},
    }


def rows_by_partition(server: Server) -> dict[str, dict[str, int]]:
    """Return how many rows each partition has in the tables of the lake."""
    program = """
import json
from deltalake import DeltaTable
found = {}
for name in ("features", "predictions"):
    table = DeltaTable(f"/var/lib/mlfactory/lake/flight_delay/{name}")
    keys = table.to_pandas(columns=["partition"])["partition"]
    found[name] = {str(key): int(count) for key, count in keys.value_counts().items()}
print(json.dumps(found))
"""
    printed = server.compose("exec", "-T", "scheduler", "python", "-c", program)
    return dict(json.loads(printed.strip().splitlines()[-1]))


def test_pages_and_the_api_are_for_those_who_are_let_in(server: Server) -> None:
    port = server.environment["MLFACTORY_AIRFLOW_PORT"]
    for path in ("/api/v2/dags", f"/mlfactory/{PRODUCT}.data/"):
        code = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"127.0.0.1:{port}{path}"],
            capture_output=True,
            text=True,
        ).stdout
        assert code in ("401", "403"), (path, code)


def test_no_secret_is_in_what_the_engine_shows_of_a_container(server: Server) -> None:
    password = server.compose("exec", "-T", "api", "cat", "/run/mlfactory/postgres_password")
    for container in server.compose("ps", "--all", "--quiet").split():
        shown = server.docker("inspect", container) + server.docker("logs", container)
        assert password.strip() not in shown
