"""A worker that runs something else than the scheduler hands its tasks back."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.jobs.job import Job
from airflow.models.pool import Pool
from airflow.models.variable import Variable
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException
from airflow.utils.session import create_session

from mlfactory.lake.deployed import RUNS, Deployed, deployed, from_text
from mlfactory.lake.stack import claim_lake
from mlfactory.pipeline import same_code
from mlfactory.pipeline.operator import StageOperator
from mlfactory.pipeline.predicting import PredictOperator
from mlfactory.pipeline.reconciling import ReconcileOperator
from mlfactory.pipeline.same_code import go_on_telling, tell
from mlfactory.pipeline.upkeeping import UpkeepOperator
from mlfactory.settings import Settings, settings_of

OLD = Deployed("000000000000", "0")


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")


@pytest.fixture
def variables() -> Iterator[None]:
    """Make Airflow's tables of what its scheduler leaves as it starts, empty."""
    tables = [Pool.metadata.tables[name] for name in ("team", "variable", "slot_pool")]
    with create_session() as session:
        Pool.metadata.create_all(session.get_bind(), tables)
    yield
    with create_session() as session:
        Pool.metadata.drop_all(session.get_bind(), tables)


def begin(product: str = "flight_delay") -> None:
    # Airflow gives it the context of a run; what is looked at is the machine's alone
    StageOperator(task_id="ingest", product=product, step="ingest").pre_execute({})


def told(monkeypatch: pytest.MonkeyPatch, what: Deployed) -> None:
    monkeypatch.setenv(f"AIRFLOW_VAR_{RUNS.upper()}", what.as_text())


def test_a_task_on_a_worker_of_another_revision_is_looked_at_again_soon(
    apart: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(monkeypatch, OLD)
    with pytest.raises(AirflowRescheduleException) as caught:
        begin()
    wait = caught.value.reschedule_date - datetime.now(UTC)
    assert 0 < wait.total_seconds() <= 60


def test_a_task_on_a_worker_of_the_same_revision_begins(
    apart: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(monkeypatch, deployed())
    begin()


def test_a_task_beside_its_scheduler_runs_the_files_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    told(monkeypatch, OLD)
    begin()


def test_every_operator_looks_before_it_begins() -> None:
    looks = StageOperator.pre_execute
    for each in (PredictOperator, ReconcileOperator, UpkeepOperator):
        assert each.pre_execute is looks


def test_a_task_of_a_stack_whose_lake_was_taken_fails_and_says_whose_it_is(tmp_path: Path) -> None:
    with settings_of(Settings(_env_file=None, home=tmp_path, stack_name="former")):
        begin()
        claim_lake("former")
        begin()
    with (
        settings_of(Settings(_env_file=None, home=tmp_path, stack_name="another")),
        pytest.raises(AirflowFailException, match="that of another stack: former"),
    ):
        begin()


def test_the_scheduler_says_what_it_runs_and_says_it_again_when_another_one_did(
    apart: None, variables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["airflow", "dag-processor"])
    Job()
    assert Variable.get(RUNS, default_var=None) is None
    monkeypatch.setattr(sys, "argv", ["airflow", "scheduler"])
    Job()
    assert from_text(Variable.get(RUNS)) == deployed()
    Variable.set(RUNS, OLD.as_text())
    ended = threading.Event()
    saying = threading.Thread(target=go_on_telling, args=(ended, 0.01), daemon=True)
    saying.start()
    deadline = time.monotonic() + 10
    while from_text(Variable.get(RUNS)) != deployed() and time.monotonic() < deadline:
        time.sleep(0.01)
    ended.set()
    saying.join()
    assert from_text(Variable.get(RUNS)) == deployed()


def test_the_scheduler_goes_on_saying_it_whatever_went_wrong_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended, said = threading.Event(), []

    def once_wrong() -> None:
        said.append(1)
        if len(said) == 1:
            raise RuntimeError("a file was replaced meanwhile")
        ended.set()

    monkeypatch.setattr(same_code, "tell", once_wrong)
    go_on_telling(ended, 0.01)
    assert len(said) == 2
    assert "a file was replaced meanwhile" in caplog.text


def test_the_scheduler_says_it_later_where_it_cannot_as_it_starts(
    apart: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    def wrong() -> None:
        raise OSError("the database is away")

    monkeypatch.setattr(sys, "argv", ["airflow", "scheduler"])
    monkeypatch.setattr(same_code, "tell", wrong)
    monkeypatch.setattr(same_code, "go_on_telling", lambda _: goes_on.set())
    same_code.on_starting(component=Job())
    assert goes_on.wait(10)


def test_the_scheduler_says_it_without_ending_what_it_is_at_work_in(
    apart: None, variables: None
) -> None:
    with create_session() as at_work:
        pool = Pool(pool="x", slots=1, include_deferred=False)
        at_work.add(pool)
        tell()
        assert pool in at_work


def test_beside_its_scheduler_nothing_is_said(
    variables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    monkeypatch.setattr(sys, "argv", ["airflow", "scheduler"])
    Job()
    assert Variable.get(RUNS, default_var=None) is None
