"""What bad input and a service that is away look like in the real Airflow."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from mlfactory.cli.record import running as running_stack
from mlfactory.lake.tables import Lake
from mlfactory.scheduler.runs import DagRun, TaskRun
from tests.e2e.conftest import Factory


def failing(factory: Factory, run: DagRun, states: tuple[str, ...]) -> TaskRun:
    """Return the first task of the run that reaches one of the states."""
    factory.api.unpause(run.dag_id)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        for task in factory.api.tasks(run):
            if task.state in states:
                return task
        time.sleep(0.3)
    raise AssertionError(f"nothing of {run} got to {states}: {factory.api.tasks(run)}")


def sales(factory: Factory, day: str, text: str) -> None:
    folder = Path(factory.environment["MLFACTORY_PRODUCTS"]) / "shop"
    (folder / f"sales-{day}.csv").write_text(text)


def test_a_missing_column_fails_at_once_and_names_it(factory: Factory) -> None:
    sales(factory, "2026-01-01", "id,tim,price,sold\na,2026-01-01T08:00:00Z,1,0\n")
    run = factory.api.trigger("shop.data", "2026-01-01", run_id="missing_column")
    task = failing(factory, run, ("failed", "up_for_retry"))
    assert (task.task_id, task.state, task.try_number) == ("ingest", "failed", 1)
    log = "\n".join(factory.api.log_tail(task, 40))
    assert "sales-2026-01-01.csv" in log
    assert "'at'" in log
    assert Lake("shop").version("raw_sales") is None


def test_a_late_file_is_waited_for_without_a_slot_and_then_taken(factory: Factory) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    run = factory.api.trigger("shop.data", yesterday, run_id="not_there_yet")
    task = failing(factory, run, ("failed", "up_for_retry", "up_for_reschedule"))
    assert (task.task_id, task.state) == ("ingest", "up_for_reschedule")
    assert "looking again at" in "\n".join(factory.api.log_tail(task, 40))
    sales(factory, yesterday, f"id,at,price,sold\na,{yesterday}T08:00:00Z,1,0\n")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        done = next(r for r in factory.api.runs(["shop.data"], yesterday))
        if done.is_over:
            break
        time.sleep(0.5)
    assert done.state == "success"
    assert len(Lake("shop").read("features", [yesterday])) == 1


def test_a_file_of_long_ago_is_not_waited_for(factory: Factory) -> None:
    run = factory.api.trigger("shop.data", "2026-01-02", run_id="never_came")
    task = failing(factory, run, ("failed", "up_for_retry", "up_for_reschedule"))
    assert (task.task_id, task.state, task.try_number) == ("ingest", "failed", 1)


def prepared(factory: Factory) -> None:
    """Let there be something to train on, where no test before has left it; nothing follows."""
    if Lake("wine_cultivar").version("features") is not None:
        return
    factory.api.pause("wine_cultivar.score")
    factory.api.unpause("wine_cultivar.data")
    factory.api.trigger("wine_cultivar.data", "snapshot", run_id="to_train_on")
    assert factory.ended("wine_cultivar.data", "snapshot", "to_train_on").state == "success"
    factory.api.unpause("wine_cultivar.score")


def test_mlflow_down_is_said_plainly_and_tried_again(factory: Factory) -> None:
    prepared(factory)
    running = running_stack(factory.settings)
    assert running is not None
    members = [psutil.Process(running.leaders["mlflow"].pid)]
    members += members[0].children(recursive=True)
    os.killpg(running.leaders["mlflow"].pid, signal.SIGKILL)
    psutil.wait_procs(members, timeout=10)
    run = factory.api.trigger(
        "wine_cultivar.train", "snapshot", run_id="mlflow_down", conf={"trials": 3}
    )
    task = failing(factory, run, ("failed", "up_for_retry"))
    assert task.state == "up_for_retry"
    log = "\n".join(factory.api.log_tail(task, 60))
    assert f"MLflow does not answer at {factory.settings.mlflow_url}" in log
    assert "mlfactory up" in log


def test_a_taken_port_is_told_with_the_setting_to_change(factory: Factory, tmp_path: Path) -> None:
    environment = {**factory.environment, "MLFACTORY_HOME": str(tmp_path)}
    other = Factory(environment, factory.settings, factory.api)
    said = other.mlfactory("up", ends_with=1)
    assert f"Airflow cannot use 127.0.0.1:{factory.settings.airflow_port}" in said
    assert "MLFACTORY_AIRFLOW_PORT=" in said
    assert "Traceback" not in said
