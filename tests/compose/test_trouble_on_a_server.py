"""What a server of several parts gets: each ends well, and nothing is lost or done twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlfactory.scheduler.runs import DagRun
from tests.compose.conftest import Server
from tests.compose.watching import KEYS, PRODUCT, ROWS, data_run, redis, rows_of, states, wait

QUEUED_AGAIN_SECONDS = 120 + 15
"""See AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT, and how often it is looked at."""

KEY = KEYS[0]


@contextmanager
def replaying(server: Server, key: str) -> Iterator[list[str]]:
    """Replay a partition meanwhile; in the end it must have come to rest."""
    told: list[str] = []

    def replay() -> None:
        told.append(server.mlfactory("replay", PRODUCT, key, key, ends_with=None))

    with server.api() as api:
        before = data_run(api, key)
        thread = threading.Thread(target=replay)
        thread.start()
        # another test may have run this partition before
        wait("its run is there", lambda: _is_another(data_run(api, key), before), 120)
    yield told
    thread.join(600)
    # the command may have lost sight of Airflow meanwhile
    server.mlfactory("replay", PRODUCT, key, key)


def _is_another(run: DagRun | None, before: DagRun | None) -> bool:
    return run is not None and (before is None or run.run_id != before.run_id)


def test_a_queue_that_was_emptied_is_filled_again(server: Server) -> None:
    server.compose("stop", "--timeout", "20", "worker")
    with replaying(server, KEY), server.api() as api:
        wait("a task is in the queue", lambda: redis(server, "LLEN", "default") != "0", 120)
        redis(server, "FLUSHALL")
        assert redis(server, "LLEN", "default") == "0"
        server.compose("start", "worker")
        wait("its first task began", lambda: states(api, KEY).get("labels") == "success", 300)
        took = wait("it is over", lambda: states(api, KEY).get("prepare") == "success", 300)
        assert took < QUEUED_AGAIN_SECONDS
    assert rows_of(server, "features")[KEY] == ROWS[KEY]


def test_a_database_that_is_away_for_a_minute_is_waited_for(server: Server) -> None:
    key = KEYS[1]
    with replaying(server, key), server.api() as api:
        wait("it began", lambda: states(api, key).get("labels") == "success", 120)
        server.compose("stop", "--timeout", "5", "postgres")
        time.sleep(60)
        server.compose("start", "postgres")
        wait("it is over", lambda: states(api, key).get("prepare") == "success", 300)
    assert rows_of(server, "features")[key] == ROWS[key]


def test_a_worker_of_another_revision_takes_no_tasks_and_says_so(server: Server) -> None:
    told = server.compose(
        *("run", "--rm", "--no-deps", "--env", "MLFACTORY_PRODUCTS=/opt/mlfactory/dags"),
        *("worker", "timeout", "40", "mlfactory", "server", "start", "worker"),
        ends_with=None,
    )
    assert "waiting, and taking no tasks: this machine runs another revision of the code" in told
    assert "bring the same image" in told.replace("\n", " ")
    assert "celery@" not in told


def test_a_task_on_a_worker_that_was_left_behind_waits_and_does_not_fail(server: Server) -> None:
    key = KEYS[2]
    with server.api() as api, another_scheduler(server), replaying(server, key):
        wait("it waits", lambda: states(api, key).get("labels") == "up_for_reschedule", 180)
    assert rows_of(server, "features")[key] == ROWS[key]


@contextmanager
def another_scheduler(server: Server) -> Iterator[None]:
    """Let another scheduler say for a minute that it runs something else.

    The one that there is says again what it runs, so the other has to go on saying it.
    """
    told = {"key": "mlfactory_scheduler_runs", "value": '{"code": "0", "lock": "0"}'}
    ended = time.monotonic() + 60

    def say() -> None:
        with server.api() as api:
            while time.monotonic() < ended:
                api._ask("PATCH", f"/variables/{told['key']}", json=told)
                time.sleep(0.3)

    thread = threading.Thread(target=say)
    thread.start()
    yield
    thread.join()


def test_a_second_stack_is_refused_until_the_first_has_left_the_lake(server: Server) -> None:
    told = server.compose(
        *("run", "--rm", "--no-deps", "--env", "MLFACTORY_STACK_NAME=second"),
        *("migrate", "mlfactory", "server", "migrate"),
        ends_with=1,
    )
    assert "is that of another stack: server-" in told
    assert "mlfactory take-lake" in told


def test_a_backup_is_made_from_within_and_has_the_database_of_mlflow(server: Server) -> None:
    told = server.compose(
        *("run", "--rm", "--no-deps", "worker", "sh", "-c"),
        "mlfactory backup /tmp/backup && ls /tmp/backup /tmp/backup/mlflow && "
        "cat /tmp/backup/airflow.json",
    )
    assert "mlflow.dump" in told
    assert "backup.json" in told
    # Airflow is another container; what its scheduler writes is nobody's to set again
    assert "mlfactory_scheduler_runs" not in told
    assert "Airflow is not up" not in told and "are not in it" not in told


def test_a_backup_is_put_back_as_the_page_says(server: Server, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    parts = ("api", "scheduler", "dag-processor", "triggerer", "worker", "mlflow")

    def beside(*words: str, ends_with: int = 0) -> str:
        own = ("run", "--rm", "--no-deps", "--volume", f"{tmp_path}:/backups", "worker")
        return server.compose(*own, "mlfactory", *words, ends_with=ends_with)

    before = rows_of(server, "features")
    beside("backup", "/backups/today")
    refused = beside("restore", "/backups/today", "--replace", ends_with=1)
    assert "Airflow is up" in refused
    server.compose("stop", "--timeout", "20", *parts)
    try:
        told = beside("restore", "/backups/today", "--replace")
    finally:
        server.compose("up", "--detach", "--no-recreate", "--scale", "worker=2", "--wait")
    (restored,) = [line for line in told.splitlines() if line.startswith("restored: ")]
    assert PRODUCT in restored
    assert rows_of(server, "features") == before


def test_the_doctor_finds_nothing_wrong(server: Server) -> None:
    told = server.mlfactory("doctor")
    assert "WRONG" not in told
    assert "stack: Airflow http://localhost" in server.mlfactory("status")
