from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlfactory.product.spec import ProductSpec
from mlfactory.retrain.policy import Observation, Past, decide
from mlfactory.trainings.split import Part, Plan

ENOUGH = Plan(
    0,
    0,
    ("2013-01-01",),
    ("2013-02-01",),
    Part(1500),
    Part(1400),
    {"2013-01-01": 1500, "2013-02-01": 1400},
)
TOO_FEW = "94 rows could be fitted on, of 335 labelled ones, and train.min_rows is 300"
LACKING = replace(ENOUGH, problem=TOO_FEW)


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
    plan: Plan = ENOUGH,
    **changes: Any,
) -> Any:
    product = spec(**changes)
    partition = product.partition.calendar.parse(f"2013-{month:02d}-01")
    return decide(product, partition, past, observations or [], lambda: plan)


CHAMPION = Past(champion="2013-02-01", trainings=("2013-02-01",), requests=("2013-02-01",))


def test_no_champion_and_enough_rows_is_a_reason():
    made = decision(2, Past())
    assert made.requested
    assert made.reason == "no champion yet and 2,900 labelled rows in 2 partitions"


def test_a_request_that_cannot_be_carried_out_is_refused_with_the_count_of_the_fit():
    """335 labelled rows were counted where the fit had 94, and failed at each partition."""
    made = decision(2, Past(), plan=LACKING)
    assert not made.requested
    assert made.refusals == (TOO_FEW,)
    assert made.plan is LACKING


def test_no_labels_at_all_is_refused_and_is_no_error():
    nothing = Plan(0, 0, problem="nothing was prepared yet")
    made = decision(1, Past(), plan=nothing)
    assert not made.requested
    assert "no champion yet and 0 labelled rows in 0 partitions; refused: nothing" in made.reason


def test_what_a_training_would_read_is_asked_only_if_one_is_wanted():
    def never() -> Plan:
        raise AssertionError

    product = spec()
    made = decide(product, product.partition.calendar.parse("2013-04-01"), CHAMPION, [], never)
    assert not made.requested


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
        [seen(4, performance="alert", figures="roc_auc 0.5712 below 0.58"),
         seen(5, performance="no_labels")],
        "performance of 2013-04-01 was alert (roc_auc 0.5712 below 0.58)",
        id="performance whose labels came late",
    ),
    pytest.param(
        8,
        [seen(8)],
        "6 partitions since the champion was trained at 2013-02-01",
        id="six partitions",
    ),
    pytest.param(
        8,
        [seen(7, "alert"), seen(8, "alert", "alert", figures="roc_auc 0.5 below 0.58")],
        "6 partitions since the champion was trained at 2013-02-01; "
        "drift was alert in 2 of the newest 3 partitions; "
        "performance of 2013-08-01 was alert (roc_auc 0.5 below 0.58)",
        id="everything at once",
    ),
    pytest.param(
        5,
        [seen(4, naive="ok"),
         seen(5, "ok", "alert", naive="alert", naive_figures="cost 12.7 against 8.3",
              figures="cost 12.7 against 8.3")],
        "performance of 2013-05-01 was alert (cost 12.7 against 8.3)",
        id="worse than no model is one reason, not two",
    ),
]  # fmt: skip


def test_a_model_worse_than_none_is_to_be_replaced_whatever_the_spec_names():
    """With `when: [{every: 6 partitions}]` such a model would have served on for half a year."""
    bad = seen(4, naive="alert", naive_figures="cost 12.7 against 8.3 of the naive answer")
    only_the_calendar = {"when": [{"every": "6 partitions"}]}
    made = decision(4, CHAMPION, [bad], retrain=only_the_calendar)
    reason = "the champion did worse than no model at 2013-04-01 "
    assert made.requested
    assert made.reason == reason + "(cost 12.7 against 8.3 of the naive answer)"
    better_since = [bad, seen(5, naive="ok"), seen(6, naive="insufficient")]
    assert not decision(6, CHAMPION, better_since, retrain=only_the_calendar).requested


@pytest.mark.parametrize(("month", "observations", "reason"), ASKED)
def test_a_trigger_asks_with_its_figures(month, observations, reason):
    made = decision(month, CHAMPION, observations)
    assert (made.requested, made.reason, made.refusals) == (True, reason, ())


SILENT = [
    pytest.param(
        4,
        [seen(3, "alert"), seen(4, figures="roc_auc 0.664 above 0.62")],
        "nothing asks for it: drift ok in 2013-04-01 (alert in 1 of the newest 3 partitions, "
        "2 would ask); "
        "performance ok (roc_auc 0.664 above 0.62 in 2013-04-01); "
        "2 of 6 partitions since the champion was trained",
        id="one alert is not two",
    ),
    pytest.param(
        6,
        [seen(3, "alert"), seen(4), seen(5, "warn"),
         seen(6, "alert", figures="roc_auc 0.61 below 0.62")],
        "nothing asks for it: drift alert in 2013-06-01 (alert in 1 of the newest 3 partitions, "
        "2 would ask); "
        "performance ok (roc_auc 0.61 below 0.62 in 2013-06-01); "
        "4 of 6 partitions since the champion was trained",
        id="an alert too long ago, and a warning",
    ),
    pytest.param(
        5,
        [seen(4, figures="roc_auc 0.7 above 0.62"), seen(5, "no_data", "no_data")],
        "nothing asks for it: drift ok in 2013-04-01; "
        "performance ok (roc_auc 0.7 above 0.62 in 2013-04-01); "
        "3 of 6 partitions since the champion was trained",
        id="the newest without data",
    ),
    pytest.param(
        4,
        [seen(4, "no_data", "no_labels")],
        "nothing asks for it: no drift measured yet; no performance measured yet; "
        "2 of 6 partitions since the champion was trained",
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
        under_way=("2013-03-01",),
        trained_here=True,
    )
    made = decision(4, past, ALARM, plan=LACKING)
    assert len(made.refusals) == 5
    assert made.reason.startswith("drift was alert in 2 of the newest 3 partitions; refused: ")


def test_a_snapshot_is_trained_once_and_needs_one_partition_only():
    snapshot = spec(
        partition={"every": "snapshot"},
        sources={"rows": {"kind": "csv", "path": "rows.csv"}},
        features={"key": ["id"], "numeric": ["x"]},
    )
    partition = snapshot.partition.calendar.parse("snapshot")
    plan = Plan(0, 0, ("snapshot",), ("snapshot",), Part(140), Part(38), {"snapshot": 178})
    first = decide(snapshot, partition, Past(), [], lambda: plan)
    assert first.reason == "no champion yet and 178 labelled rows in 1 partition"
    past = Past("snapshot", trained_here=True, judged_at="2026-11-21T10:15:00+00:00")
    again = decide(snapshot, partition, past, [], lambda: plan)
    assert not again.requested
    assert again.reason == (
        "nothing asks for it: the only partition was trained on at 2026-11-21T10:15:00+00:00; "
        "train again by hand when the data has changed"
    )


def window(month: int, since: int, state: str) -> Observation:
    return seen(month, state, drift_since=f"2013-{since:02d}-01")


def test_one_bad_partition_seen_in_three_windows_is_seen_once():
    thrice = [window(3, 1, "alert"), window(4, 2, "alert"), window(5, 3, "alert")]
    made = decision(5, CHAMPION, thrice)
    assert not made.requested
    assert "alert in 2 of the newest" not in made.reason
    apart = [window(4, 3, "alert"), window(5, 4, "alert"), window(6, 5, "alert")]
    assert decision(6, CHAMPION, apart).requested


def test_what_could_not_be_told_is_no_evidence_of_calm():
    unsure = [seen(3, "alert"), seen(4, "insufficient"), seen(5, "insufficient"), seen(6, "alert")]
    assert decision(6, CHAMPION, unsure).requested
    made = decision(4, CHAMPION, [seen(4, "insufficient", "no_labels")])
    assert "drift cannot be told yet" in made.reason


@pytest.mark.parametrize("state", ["no_reference", "no_data", "no_model"])
def test_a_monitor_that_cannot_compare_still_lets_time_ask(state):
    assert decision(8, CHAMPION, [seen(8, state, "no_labels")]).requested


def test_a_training_under_way_is_not_asked_for_beside():
    """A backfill queued six."""
    past = Past(requests=("2013-02-01",), under_way=("2013-02-01",))
    made = decision(4, past)
    assert made.refusals == ("the training asked for at 2013-02-01 is not judged yet",)


def test_a_rejected_training_does_not_end_the_span_since_the_champions():
    past = Past(champion="2013-02-01", trainings=("2013-02-01", "2013-06-01"))
    made = decision(8, past)
    assert made.requested
    assert made.reason == "6 partitions since the champion was trained at 2013-02-01"
