from __future__ import annotations

from typing import Any

import pytest

from mlfactory.product.spec import ProductSpec
from mlfactory.retrain.policy import Observation, Past, decide

ENOUGH = {"2013-01-01": 1500, "2013-02-01": 1400}


def spec(**changes: Any) -> ProductSpec:
    content: dict[str, Any] = {
        "apiVersion": "mlfactory/v1",
        "name": "flights",
        "partition": {"every": "month", "start": "2013-01-01"},
        "sources": {"flights": {"kind": "csv", "path": "flights.csv", "event_time": "at"}},
        "features": {"key": ["id"], "event_time": "at", "numeric": ["x"]},
        "label": {"column": "late", "kind": "binary"},
        "monitor": {"performance": {"metric": "roc_auc", "warn": 0.62, "alert": 0.58}},
        "retrain": {
            "when": [
                {"every": "6 partitions"},
                {"drift": "alert", "in": "2 of 3"},
                {"performance": "alert"},
            ],
            "cooldown": "1 partition",
            "budget": "2 per 6 partitions",
        },
    }
    content["retrain"] |= changes.pop("retrain", {})
    return ProductSpec.model_validate(content | changes)


def seen(month: int, drift: str = "ok", performance: str = "ok", **more: Any) -> Observation:
    return Observation(f"2013-{month:02d}-01", drift, performance, **more)


def decision(
    month: int,
    past: Past,
    observations: list[Observation] | None = None,
    labelled: dict[str, int] | None = None,
    **changes: Any,
) -> Any:
    product = spec(**changes)
    partition = product.partition.calendar.parse(f"2013-{month:02d}-01")
    return decide(product, partition, past, observations or [], labelled or ENOUGH)


CHAMPION = Past(champion="2013-02-01", trainings=("2013-02-01",), requests=("2013-02-01",))


def test_no_champion_and_enough_rows_is_a_reason():
    made = decision(2, Past())
    assert made.requested
    assert made.reason == "no champion yet and 2,900 labelled rows in 2 partitions"


def test_without_a_champion_one_partition_is_too_little_for_a_training_and_its_holdout():
    made = decision(1, Past(), labelled={"2013-01-01": 1500})
    assert not made.requested
    assert made.refusals == ("a training needs labelled rows in 2 partitions, there are some in 1",)


def test_too_few_labelled_rows_are_refused_with_the_figures():
    made = decision(2, Past(), labelled={"2013-01-01": 30, "2013-02-01": 20})
    assert not made.requested
    assert "a training needs 100 labelled rows, there are 50" in made.reason


def test_no_labels_at_all_is_refused_and_is_no_error():
    made = decide(spec(), spec().partition.calendar.parse("2013-01-01"), Past(), [], {})
    assert not made.requested
    assert "no champion yet and 0 labelled rows in 0 partitions; refused" in made.reason


ASKED = [
    pytest.param(
        4,
        [seen(3, "alert", drift_figures="wind 0.3 > 0.2"),
         seen(4, "alert", drift_figures="temp 0.61 > 0.12")],
        "drift was alert in 2 of the newest 3 partitions (temp 0.61 > 0.12)",
        id="drift in two of two since the champion",
    ),
    pytest.param(
        5,
        [seen(3, "alert"), seen(4), seen(5, "alert")],
        "drift was alert in 2 of the newest 3 partitions",
        id="drift with a pause",
    ),
    pytest.param(
        6,
        [seen(3, "alert"), seen(4, "alert"), seen(5, "no_data"), seen(6, "no_data")],
        "drift was alert in 2 of the newest 3 partitions",
        id="partitions without data are no evidence against drift",
    ),
    pytest.param(
        5,
        [seen(4, performance="alert", value=0.5712), seen(5, performance="no_labels")],
        "performance of 2013-04-01 was alert (roc_auc 0.5712 below 0.58)",
        id="performance whose labels came late",
    ),
    pytest.param(
        8, [seen(8)], "6 partitions since the last training at 2013-02-01", id="six partitions"
    ),
    pytest.param(
        8,
        [seen(7, "alert"), seen(8, "alert", "alert", value=0.5)],
        "6 partitions since the last training at 2013-02-01; "
        "drift was alert in 2 of the newest 3 partitions; "
        "performance of 2013-08-01 was alert (roc_auc 0.5 below 0.58)",
        id="everything at once",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("month", "observations", "reason"), ASKED)
def test_a_trigger_asks_with_its_figures(month, observations, reason):
    made = decision(month, CHAMPION, observations)
    assert (made.requested, made.reason, made.refusals) == (True, reason, ())


SILENT = [
    pytest.param(
        4,
        [seen(3, "alert"), seen(4, value=0.664)],
        "nothing asks for it: drift ok in 2013-04-01 (alert in 1 of the newest 3 partitions, "
        "2 would ask); "
        "performance ok (roc_auc 0.664 above 0.62 in 2013-04-01); "
        "2 of 6 partitions since the last training",
        id="one alert is not two",
    ),
    pytest.param(
        6,
        [seen(3, "alert", value=0.7), seen(4, value=0.7), seen(5, "warn", value=0.7),
         seen(6, "alert", value=0.61)],
        "nothing asks for it: drift alert in 2013-06-01 (alert in 1 of the newest 3 partitions, "
        "2 would ask); "
        "performance ok (roc_auc 0.61 below 0.62 in 2013-06-01); "
        "4 of 6 partitions since the last training",
        id="an alert too long ago, and a warning",
    ),
    pytest.param(
        5,
        [seen(4, value=0.7), seen(5, "no_data", "no_data")],
        "nothing asks for it: drift ok in 2013-04-01; "
        "performance ok (roc_auc 0.7 above 0.62 in 2013-04-01); "
        "3 of 6 partitions since the last training",
        id="the newest without data",
    ),
    pytest.param(
        4,
        [seen(4, "no_data", "no_labels")],
        "nothing asks for it: no drift measured yet; no performance measured yet; "
        "2 of 6 partitions since the last training",
        id="nothing measured",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("month", "observations", "reason"), SILENT)
def test_when_nothing_asks_the_reason_says_how_things_stand(month, observations, reason):
    made = decision(month, CHAMPION, observations)
    assert (made.requested, made.reason) == (False, reason)


ALARM = [seen(3, "alert"), seen(4, "alert")]


def test_a_warning_is_enough_where_the_spec_says_so():
    warned = [seen(4, "warn", drift_figures="x 0.1 > 0.05")]
    made = decision(4, CHAMPION, warned, retrain={"when": [{"drift": "warn"}]})
    assert made.reason == "drift of 2013-04-01 was warn (x 0.1 > 0.05)"


@pytest.mark.parametrize(("cooldown", "requested"), [(0, True), (1, False), (2, False)])
def test_the_cooldown_is_how_many_partitions_pass_after_a_training(cooldown, requested):
    past = Past(champion="2013-02-01", trainings=("2013-02-01", "2013-03-01"))
    made = decision(4, past, ALARM, retrain={"cooldown": f"{cooldown} partitions"})
    assert made.requested is requested


def test_a_cooldown_that_refuses_says_since_when_and_how_long():
    past = Past(champion="2013-02-01", trainings=("2013-02-01", "2013-03-01"))
    assert decision(4, past, ALARM).refusals == (
        "the last training was at 2013-03-01 and 1 partition must pass after one",
    )


def test_a_spent_budget_refuses_and_names_what_it_was_spent_on():
    requests = ("2013-02-01", "2013-04-01")
    past = Past(champion="2013-02-01", trainings=requests, requests=requests)
    made = decision(6, past, ALARM)
    assert made.refusals == ("the budget of 2 per 6 partitions is spent (2013-02-01, 2013-04-01)",)


def test_a_budget_is_free_again_when_its_partitions_have_passed():
    requests = ("2013-02-01", "2013-04-01")
    past = Past(champion="2013-02-01", trainings=requests, requests=requests)
    assert decision(8, past, [seen(7, "alert"), seen(8, "alert")]).requested


def test_trainings_that_people_started_do_not_spend_the_budget_of_the_policy():
    past = Past(champion="2013-02-01", trainings=("2013-01-01", "2013-02-01"), requests=())
    assert decision(6, past, ALARM).requested


def test_the_same_cut_off_is_not_trained_twice():
    past = Past(champion="2013-02-01", trainings=("2013-02-01",), trained_here=True)
    made = decision(4, past, ALARM)
    assert made.refusals == ("a training with the cut-off 2013-04-01 was judged already",)


def test_every_refusal_is_named():
    past = Past(
        champion="2013-02-01",
        trainings=("2013-02-01", "2013-03-01"),
        requests=("2013-02-01", "2013-03-01"),
        trained_here=True,
    )
    made = decision(4, past, ALARM, labelled={"2013-04-01": 3})
    assert len(made.refusals) == 5
    assert made.reason.startswith("drift was alert in 2 of the newest 3 partitions; refused: ")


def test_a_snapshot_is_trained_once_and_needs_one_partition_only():
    snapshot = spec(
        partition={"every": "snapshot"},
        sources={"rows": {"kind": "csv", "path": "rows.csv"}},
        features={"key": ["id"], "numeric": ["x"]},
    )
    partition = snapshot.partition.calendar.parse("snapshot")
    first = decide(snapshot, partition, Past(), [], {"snapshot": 178})
    assert first.reason == "no champion yet and 178 labelled rows in 1 partition"
    past = Past("snapshot", trained_here=True, judged_at="2026-11-21T10:15:00+00:00")
    again = decide(snapshot, partition, past, [], {"snapshot": 178})
    assert not again.requested
    assert again.reason == (
        "nothing asks for it: the only partition was trained on at 2026-11-21T10:15:00+00:00; "
        "train again by hand when the data has changed"
    )
