"""How a step's end is told to Airflow: what is tried again, what fails at once, what is skipped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)

from mlfactory.connections import connection_named
from mlfactory.cycle import steps
from mlfactory.cycle.job import Done, Job
from mlfactory.pipeline.operator import StageOperator
from mlfactory.pipeline.predicting import PredictOperator
from mlfactory.pipeline.retries import PaceOfTheError, TryAgain
from mlfactory.predict import on_demand
from mlfactory.predict.on_demand import Kept
from mlfactory.product.errors import ContractError, DiskFullError, LateSourceError, ServiceError
from mlfactory.product.loader import load_product


class Messages:
    """The part of a task instance that a step uses."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def context(key: str | None = "2013-02-01", conf: dict[str, Any] | None = None) -> Any:
    run = SimpleNamespace(
        partition_key=key,
        run_id="manual__1",
        dag_id="flight_delay.data",
        conf=conf or {},
        start_date=datetime.now(UTC),
        run_type="manual",
    )
    return {"dag_run": run, "params": {}, "ti": Messages(), "outlet_events": {}}


def operator() -> StageOperator:
    return StageOperator(task_id="ingest", product="flight_delay", step="ingest")


def ends(monkeypatch: pytest.MonkeyPatch, how: Any) -> None:
    def step(job: Job) -> Done:
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


def test_a_full_disk_is_left_to_a_person_here_and_to_another_worker_where_there_are_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends(monkeypatch, DiskFullError("/tmp/x"))
    with pytest.raises(AirflowFailException, match="the disk is full"):
        operator().execute(context())
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    with pytest.raises(TryAgain, match="/tmp/x cannot be written: the disk is full"):
        operator().execute(context())


def test_a_service_that_is_away_is_tried_again_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends(monkeypatch, ServiceError("MLflow does not answer"))
    with pytest.raises(TryAgain, match="MLflow does not answer") as raised:
        operator().execute(context())
    decision = PaceOfTheError().evaluate(raised.value, try_number=1, max_tries=4)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay is not None
    assert decision.retry_delay.total_seconds() < 30


def test_a_late_file_is_looked_for_again_without_holding_a_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calendar = load_product("flight_delay").calendar
    newest = calendar.shift(calendar.containing(datetime.now(UTC)), -1)
    ends(monkeypatch, LateSourceError("there is no file yet"))
    late = operator()
    monkeypatch.setattr(
        "mlfactory.pipeline.operator.look_again",
        lambda error, product, partition, since, now: now + timedelta(minutes=15),
    )
    with pytest.raises(AirflowRescheduleException) as raised:
        late.execute(context(key=newest.key))
    assert raised.value.reschedule_date > datetime.now(UTC) + timedelta(minutes=10)


def test_a_file_that_will_not_come_any_more_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch, LateSourceError("there is no file", remedy="correct the path"))
    with pytest.raises(AirflowFailException, match="correct the path"):
        operator().execute(context(key="2013-02-01"))


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


def given_reason(monkeypatch: pytest.MonkeyPatch, run_id: str, run_type: str, why: str) -> str:
    given = context()
    given["dag_run"].run_id = run_id
    given["dag_run"].run_type = run_type
    given["params"] = {"reason": why}
    seen: list[Job] = []

    def step(job: Job) -> Done:
        seen.append(job)
        return Done({})

    monkeypatch.setitem(steps.STEPS, "ingest", step)
    operator().execute(given)
    return seen[0].budget.reason


@pytest.mark.parametrize(
    ("run_id", "run_type", "why", "reason"),
    [
        ("manual__1", "manual", "", "asked for by hand"),
        ("manual__1", "manual", "curious", "curious"),
        ("asset_triggered__1", "asset_triggered", "", ""),
        ("reconcile__2013-02-01__1", "manual", "", ""),
    ],
)
def test_only_the_training_that_was_requested_takes_the_requests_reason(
    monkeypatch: pytest.MonkeyPatch, run_id: str, run_type: str, why: str, reason: str
) -> None:
    assert given_reason(monkeypatch, run_id, run_type, why) == reason


@pytest.mark.parametrize("params", [{}, {"land": True}, {"land": False}])
def test_a_run_lands_unless_its_form_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any]
) -> None:
    seen: list[Job] = []
    monkeypatch.setitem(steps.STEPS, "ingest", lambda job: seen.append(job) or Done({}))
    operator().execute({**context(conf=params), "params": params})
    assert seen[0].land is params.get("land", True)


def test_a_partition_that_is_not_over_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    calendar = load_product("flight_delay").calendar
    ends(monkeypatch, Done({}))
    with pytest.raises(AirflowFailException, match="is not over: it ends at"):
        operator().execute(context(key=calendar.containing(datetime.now(UTC)).key))


def predicting(monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], how: Any) -> Any:
    def asked(product: Any, file: str, output: str, **others: Any) -> Kept:
        if isinstance(how, Exception):
            raise how
        how.append((product.name, file, output, others))
        return Kept(3, 2, "1", "/lake/x", "predictions_on_demand/x.csv.html")

    monkeypatch.setattr(on_demand, "predict_on_demand", asked)
    task = PredictOperator(task_id="predict", product="flight_delay", step="predict")
    return task, task.execute({**context(key=None, conf=params), "params": params})


def test_a_file_is_predicted_without_a_partition_and_its_answers_are_named_for_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[Any] = []
    params = {"file": "inbox/new.csv", "output": None, "version": None, "source": None}
    task, result = predicting(monkeypatch, params, calls)
    assert calls == [
        ("flight_delay", "inbox/new.csv", "manual__1.csv", {"source": None, "version": None})
    ]
    assert (result["rows"], result["scored"], result["file"]) == (3, 2, "/lake/x")
    page = "/mlfactory/flight_delay.data/files/predictions_on_demand/x.csv.html"
    assert task.links_found["Answers"].endswith(page)


def test_a_file_that_is_refused_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ContractError("the file lacks the column 'at'")
    with pytest.raises(AirflowFailException, match="lacks the column 'at'"):
        predicting(monkeypatch, {"file": "x.csv"}, refused)
    with pytest.raises(TryAgain):
        predicting(monkeypatch, {"file": "x.csv"}, ServiceError("MLflow is away"))


def test_a_task_finds_connections_as_airflow_does_and_says_no_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = []

    def step(job: Job) -> Done:
        found.append(connection_named("warehouse", "shop.orders"))
        return Done({"rows": 1})

    monkeypatch.setitem(steps.STEPS, "ingest", step)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://who:sesame42@db/shop?sslmode=prefer")
    given = context()
    result = operator().execute(given)
    (known,) = found
    assert (known.kind, known.password, known.extra) == (
        *("postgres", "sesame42"),
        {"sslmode": "prefer"},
    )
    told = f"{result} {given['ti'].pushed} {known!r} {caplog.text}"
    assert "sesame42" not in told
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", '{"port": "sesame42"}')
    with pytest.raises(AirflowFailException) as raised:
        operator().execute(context())
    assert "warehouse" in str(raised.value) and "sesame42" not in str(raised.value)


def test_a_connection_that_airflow_does_not_know_fails_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def step(job: Job) -> Done:
        connection_named("nobody_knows", "shop.orders")
        return Done({})

    monkeypatch.setitem(steps.STEPS, "ingest", step)
    with pytest.raises(AirflowFailException, match="there is no connection 'nobody_knows'"):
        operator().execute(context())
