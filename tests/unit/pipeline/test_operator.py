"""How a step's end is told to Airflow: what is tried again, what fails at once, what is skipped."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from mlfactory.pipeline import steps
from mlfactory.pipeline.operator import StageOperator, training_id
from mlfactory.pipeline.steps import Done
from mlfactory.product.errors import ContractError, ServiceError


class Messages:
    """The part of a task instance that a step uses."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def context(key: str | None = "2013-02-01", conf: dict[str, Any] | None = None) -> Any:
    run = SimpleNamespace(
        partition_key=key, run_id="manual__1", dag_id="flight_delay.data", conf=conf or {}
    )
    return {"dag_run": run, "params": {}, "ti": Messages(), "outlet_events": {}}


def operator() -> StageOperator:
    return StageOperator(task_id="ingest", product="flight_delay", step="ingest")


def ends(monkeypatch: pytest.MonkeyPatch, how: Any) -> None:
    def step(job: steps.Job) -> Done:
        if isinstance(how, Exception):
            raise how
        return how

    monkeypatch.setitem(steps.STEPS, "ingest", step)


def test_a_broken_contract_fails_at_once_with_its_own_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends(monkeypatch, ContractError("column 'origin' is missing", remedy="add it"))
    with pytest.raises(AirflowFailException, match="column 'origin' is missing"):
        operator().execute(context())


def test_a_service_that_is_away_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch, ServiceError("MLflow does not answer"))
    with pytest.raises(AirflowException, match="MLflow does not answer") as raised:
        operator().execute(context())
    assert not isinstance(raised.value, AirflowFailException)


def test_a_bug_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch, ZeroDivisionError("division by zero"))
    with pytest.raises(AirflowFailException, match="ZeroDivisionError"):
        operator().execute(context())


def test_what_asks_for_nothing_further_is_skipped_and_keeps_its_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends(monkeypatch, Done({"requested": False}, stop_here="cooldown"))
    given = context()
    with pytest.raises(AirflowSkipException, match="cooldown"):
        operator().execute(given)
    assert given["ti"].pushed == {"return_value": {"requested": False}}


def test_a_run_without_a_key_says_where_to_fill_it_in() -> None:
    with pytest.raises(
        AirflowFailException, match="Advanced Options, Partition Key filled in, like 2013-01-01"
    ):
        operator().execute(context(key=None))


def test_a_key_that_is_no_partition_is_refused_with_the_right_one() -> None:
    with pytest.raises(AirflowFailException, match="'2013-02-01'"):
        operator().execute(context(key="2013-02-14"))


def test_a_parameter_nobody_knows_is_refused() -> None:
    with pytest.raises(AirflowFailException, match="'trails', which this DAG does not take"):
        operator().execute(context(conf={"trails": 3}))


def test_a_training_id_is_a_file_name_and_the_same_for_every_retry() -> None:
    run = "asset_triggered__2026-11-21T02:00:25.554354+00:00__b80cy3bn"
    made = training_id("2013-02-01", run)
    assert made == training_id("2013-02-01", run)
    assert made.startswith("2013-02-01.asset_triggered__2026-11-21T02-00-25")
    assert not set(made) & set(":/+ ")
