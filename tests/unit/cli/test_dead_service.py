"""A service that has died hides no other one: each is seen and told of by itself."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console
from tests.http_server import Quiet, address_of, answering
from tests.unit.cli.conftest import STACK, Start

from mlfactory.cli import record, reset
from mlfactory.cli.processes import leader_of
from mlfactory.cli.reconciling import show_gaps
from mlfactory.cli.stack import up
from mlfactory.cli.status import show_status
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.product.loader import Product
from mlfactory.settings import settings

RUN = {
    "dag_id": "rain.data",
    "dag_run_id": "by_hand",
    "state": "queued",
    "partition_key": "2013-01-01",
    "queued_at": None,
    "start_date": None,
    "end_date": None,
}
HEALTH: dict[str, Any] = {
    part: {"status": "healthy"} for part in ("metadatabase", "scheduler", "dag_processor")
}


class Airflow(Quiet):
    """An Airflow that is well: every DAG is paused, and one run is queued."""

    def do_GET(self) -> None:
        if self.path == "/api/v2/monitor/health":
            self.send(HEALTH)
        elif "/dagRuns" in self.path:
            self.send({"dag_runs": [RUN], "total_entries": 1})
        else:
            self.send({"is_paused": True})

    def do_POST(self) -> None:
        self.take()
        self.send({"access_token": "t"})


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the address of an Airflow that answers."""
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PASSWORD", "secret")
    settings.cache_clear()
    with answering(Airflow) as server:
        yield address_of(server)


def written(address: str, airflow: psutil.Process, mlflow: psutil.Process) -> record.Running:
    leaders = {
        "airflow": leader_of(airflow.pid, signal.SIGINT),
        "mlflow": leader_of(mlflow.pid, signal.SIGTERM),
    }
    urls = {"airflow": address, "mlflow": "http://127.0.0.1:1"}
    stack = record.Running(STACK, leaders, urls, urls)
    record.write(settings(), stack)
    return stack


@pytest.fixture
def half(rain: Product, airflow: str, start: Start) -> record.Running:
    """Give a stack whose MLflow has died."""
    mlflow = start("sleep", "60")
    stack = written(airflow, start("sleep", "60"), mlflow)
    mlflow.kill()
    mlflow.wait()
    return stack


def test_a_reset_asks_an_airflow_whose_mlflow_is_dead(half: record.Running) -> None:
    with pytest.raises(UsageError, match=r"1 runs of rain are under way in Airflow: rain.data"):
        reset._refuse_active("rain")


def test_reconcile_asks_an_airflow_whose_mlflow_is_dead_and_says_so(
    half: record.Running, rain: Product
) -> None:
    output = io.StringIO()
    assert not show_gaps([rain], Console(file=output, width=200), mend=False)
    assert "MLflow of the stack has died; start it again: mlfactory up" in output.getvalue()
    assert "queued on rain.data, which is paused" in output.getvalue()


def test_status_tells_which_service_is_dead_and_what_waits_in_the_other(
    half: record.Running, rain: Product
) -> None:
    output = io.StringIO()
    show_status([rain], Console(file=output, width=200), None)
    assert "stack: down" not in output.getvalue()
    assert "MLflow has died; start it again: mlfactory up" in output.getvalue()
    assert "Airflow has died" not in output.getvalue()
    assert "queued on rain.data, which is paused" in output.getvalue()


def test_an_airflow_that_is_dead_altogether_is_not_asked(
    rain: Product, airflow: str, start: Start
) -> None:
    dead = start("sleep", "60")
    stack = written(airflow, dead, start("sleep", "60"))
    dead.kill()
    dead.wait()
    assert record.ailments(stack)[0].problem == "Airflow has died"
    reset._refuse_active("rain")


def test_what_a_dead_leader_left_behind_may_still_run_tasks(
    rain: Product, airflow: str, start: Start, tmp_path: Path
) -> None:
    leader = start("sh", "-c", "sleep 60 & wait")
    while not (children := leader.children()):
        pass
    stack = written(airflow, leader, start("sleep", "60"))
    leader.kill()
    leader.wait()
    try:
        assert record.ailments(stack)[0].problem == "Airflow has died"
        with pytest.raises(UsageError, match="under way"):
            reset._refuse_active("rain")
    finally:
        children[0].kill()


def test_a_scheduler_that_is_silent_is_told_though_its_process_lives(
    rain: Product, airflow: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = {"status": "unhealthy", "latest_scheduler_heartbeat": "2026-01-01T00:00:00+00:00"}
    monkeypatch.setitem(HEALTH, "scheduler", silent)
    written(airflow, start("sleep", "60"), start("sleep", "60"))
    found = record.running(settings())
    assert found is not None
    of_airflow, of_mlflow = record.ailments(found)
    assert "its scheduler has not been heard of for" in of_airflow.problem
    assert of_mlflow.problem == "MLflow at http://127.0.0.1:1 does not answer"


def test_a_stack_whose_scheduler_is_silent_is_not_said_to_be_up(
    rain: Product, airflow: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = {"status": "unhealthy", "latest_scheduler_heartbeat": "2026-01-01T00:00:00+00:00"}
    monkeypatch.setitem(HEALTH, "scheduler", silent)
    monkeypatch.setattr("mlfactory.cli.stack._RECOVERY_SECONDS", 0.0)
    written(airflow, start("sleep", "60"), start("sleep", "60"))
    said: list[str] = []
    with pytest.raises(ServiceError, match="its scheduler has not been heard of for"):
        up(settings(), said.append)
    assert said == []
