from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from mlfactory.monitor.judged import Judged, outcome_of
from mlfactory.monitor.performance import Known, performance_findings
from mlfactory.monitor.performance import verdict as verdict_of
from mlfactory.statistics.estimate import Estimate
from mlfactory.statistics.metrics import measure
from mlfactory.statistics.naive import Naive


@pytest.mark.parametrize(
    ("kind", "watched", "value", "verdict"),
    [
        ("binary", {"metric": "roc_auc", "warn": 0.62, "alert": 0.58}, 0.62, ("ok", 0.62)),
        ("binary", {"metric": "roc_auc", "warn": 0.62, "alert": 0.58}, 0.61, ("warn", 0.62)),
        ("binary", {"metric": "roc_auc", "warn": 0.62, "alert": 0.58}, 0.5, ("alert", 0.58)),
        ("binary", {"metric": "roc_auc", "alert": 0.58}, 0.6, ("ok", 0.58)),
        ("binary", {"metric": "roc_auc"}, 0.1, ("ok", None)),
        ("binary", {"metric": "roc_auc", "warn": 0.6}, math.nan, ("insufficient", 0.6)),
        ("regression", {"metric": "mae", "warn": 10, "alert": 12}, 9.9, ("ok", 10)),
        ("regression", {"metric": "mae", "warn": 10, "alert": 12}, 11, ("warn", 10)),
        ("regression", {"metric": "mae", "warn": 10, "alert": 12}, 12.1, ("alert", 12)),
        ("regression", {"metric": "bias", "warn": 1, "alert": 2}, -1.5, ("warn", 1)),
        ("regression", {"metric": "bias", "warn": 1, "alert": 2}, -3, ("alert", 2)),
    ],
)
def test_the_watched_metric_is_judged_in_its_own_direction(
    product_of, kind, watched, value, verdict
):
    product = product_of(label={"column": "late", "kind": kind}, monitor={"performance": watched})
    assert verdict_of(product.spec, value) == verdict


def rides(labels: list[float]) -> pd.DataFrame:
    count = len(labels)
    at = pd.Timestamp("2013-04-01", tz="UTC") + pd.to_timedelta(np.arange(count) * 8, "h")
    scores = np.linspace(0, 1, count)
    return pd.DataFrame({"at": at, "score": scores, "prediction": (scores > 0.5).astype(float)})


def made_of(labels: list[float], predictions: int) -> Judged:
    return Judged(
        version="3",
        since="2013-04-01",
        predictions=predictions,
        labelled=len(labels),
        rows=rides(labels),
        labels=pd.Series(labels, dtype=float),
        traits=pd.DataFrame(),
    )


def findings_of(product, labels: list[float], predictions: int, known: Known | None = None):
    april = product.calendar.parse("2013-04-01")
    made = {"champion": made_of(labels, predictions)} if predictions else {}
    found = performance_findings(product, april, april, made, {"3": known or Known()})
    return {(one.metric, one.slice): one for one in found}


def test_no_predictions_no_labels_and_few_labels_are_states(product_of):
    product = product_of()
    assert findings_of(product, [], 0)["performance", ""].state == "no_data"
    assert findings_of(product, [], 80)["performance", ""].state == "no_labels"
    assert findings_of(product, [0.0, 1.0] * 24, 80)["performance", ""].state == "insufficient"


def test_the_share_of_predictions_with_a_label_is_reported(product_of):
    assert findings_of(product_of(), [0.0, 1.0] * 30, 80)["coverage", ""].value == 0.75


def test_a_metric_that_cannot_be_computed_is_insufficient(product_of):
    found = findings_of(product_of(), [0.0] * 60, 60)
    assert found["performance", ""].state == "insufficient"
    assert found["accuracy", ""].value == 0.5


def test_the_summary_is_the_watched_metric(product_of):
    product = product_of(monitor={"performance": {"metric": "brier", "warn": 0.1}})
    found = findings_of(product, [0.0, 1.0] * 40, 80)
    summary, metric = found["performance", ""], found["brier", ""]
    assert summary.value == metric.value > 0.1
    assert (summary.state, summary.bound, summary.model_version) == ("warn", 0.1, "3")
    assert summary.low < summary.value < summary.high


def test_costs_are_counted_where_the_spec_has_them(product_of):
    costs = {"business": {"false_negative": 10, "false_positive": 1}}
    found = findings_of(product_of(**costs), [1.0] * 60, 60)
    assert found["total_cost", ""].value == pytest.approx(30 * 10)
    assert ("cost", "") not in findings_of(product_of(), [1.0] * 60, 60)


def test_several_classes_are_matched_by_name_and_unseen_ones_count_as_wrong(product_of):
    product = product_of(label={"column": "kind", "kind": "multiclass"})
    rows = pd.DataFrame(
        {
            "at": pd.Timestamp("2013-04-01", tz="UTC"),
            "prediction": ["bus", "bus", "tram", "tram"],
            "probabilities": [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]],
        }
    )
    labels = pd.Series(["bus", "tram", "ferry", "tram"])
    made = Judged("1", "2013-04-01", 4, 4, rows, labels, pd.DataFrame())
    outcome = outcome_of(product, made, ("bus", "tram"))
    assert outcome.classes == ("bus", "tram", "ferry")
    assert measure(outcome, "accuracy") == 0.5
    assert measure(outcome, "log_loss") > 5


COSTS = {"business": {"false_negative": 60, "false_positive": 12}}


def alternating(count: int, wrong: float) -> list[float]:
    """Return labels that follow the predictions of `rides`, but for a share at random."""
    scores = np.linspace(0, 1, count) > 0.5
    flipped = np.random.default_rng(1).random(count) < wrong
    return np.where(flipped, ~scores, scores).astype(float).tolist()


def test_worse_than_the_naive_answer_is_an_alert_without_any_bound(product_of):
    found = findings_of(product_of(**COSTS), alternating(400, 0.9), 400, Known(naive=Naive(0.5)))
    summary = found["performance", ""]
    assert (summary.metric, summary.state, summary.why) == ("performance", "alert", "naive")
    assert summary.bound == found["naive", ""].value < summary.value


def test_better_than_the_naive_answer_is_ok(product_of):
    found = findings_of(product_of(**COSTS), alternating(400, 0.1), 400, Known(naive=Naive(0.5)))
    assert found["performance", ""].state == "ok"
    assert found["naive", ""].state == "ok"
    assert found["naive", ""].value > found["performance", ""].value


@pytest.mark.parametrize(("held_out", "state"), [(2.0, "warn"), (7.0, "ok")])
def test_a_cost_that_rose_beyond_chance_is_a_warning_and_no_green_card(product_of, held_out, state):
    """In the demo's June the cost rose from 8.5 to 12.2 and the card was green."""
    known = Known(naive=Naive(0.5), held_out=Estimate(held_out, held_out - 0.5, held_out + 0.5))
    summary = findings_of(product_of(**COSTS), alternating(400, 0.2), 400, known)["performance", ""]
    assert summary.value > 6
    assert summary.state == state
    assert (summary.why == "held_out") == (state == "warn")


def test_a_difference_within_chance_of_the_held_out_figure_is_no_warning(product_of):
    known = Known(held_out=Estimate(0.97, 0.7, 0.99))
    summary = findings_of(product_of(), alternating(60, 0.1), 60, known)["performance", ""]
    assert (summary.state, summary.value < 0.97) == ("ok", True)
