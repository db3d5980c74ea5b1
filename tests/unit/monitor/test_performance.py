from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from mlfactory.monitor.performance import Judged, due, outcome_of, performance_findings, settled
from mlfactory.monitor.performance import verdict as verdict_of
from mlfactory.statistics.metrics import measure


@pytest.mark.parametrize(
    ("every", "key", "arrives_after", "keys"),
    [
        ("month", "2013-04-01", "1 day", ["2013-03-01", "2013-04-01"]),
        ("month", "2013-04-01", "0 days", ["2013-03-01", "2013-04-01"]),
        ("month", "2013-04-01", "40 days", ["2013-02-01", "2013-03-01", "2013-04-01"]),
        ("day", "2013-04-05", "48 hours", ["2013-04-03", "2013-04-04", "2013-04-05"]),
        ("day", "2013-04-05", "49 hours", [f"2013-04-0{day}" for day in (2, 3, 4, 5)]),
        ("month", "2013-01-01", "90 days", ["2013-01-01"]),
        ("month", "2013-02-01", "900 days", ["2013-01-01", "2013-02-01"]),
        ("month", "2013-06-01", "900 days", [f"2013-0{month}-01" for month in range(1, 7)]),
    ],
)  # fmt: skip
def test_partitions_are_measured_as_far_back_as_labels_arrive(
    product_of, every, key, arrives_after, keys
):
    product = product_of(
        partition={"every": every, "start": "2013-01-01"},
        label={"column": "late", "kind": "binary", "arrives_after": arrives_after},
    )
    assert [slot.key for slot in due(product, product.calendar.parse(key))] == keys


def test_a_snapshot_is_measured_alone_and_has_all_labels(product_of):
    product = product_of(
        partition={"every": "snapshot"}, features={"key": ["ride"], "numeric": ["x"]}
    )
    snapshot = product.calendar.parse("snapshot")
    assert due(product, snapshot) == [snapshot]
    assert settled(product, snapshot, snapshot)


def test_a_partition_is_settled_when_its_last_label_has_arrived(product_of):
    product = product_of(label={"column": "late", "kind": "binary", "arrives_after": "31 days"})
    march, april, may = (product.calendar.parse(f"2013-0{month}-01") for month in (3, 4, 5))
    assert not settled(product, march, march)
    assert not settled(product, march, april)
    assert settled(product, march, may)


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
    return pd.DataFrame(
        {"at": at, "label": labels, "score": scores, "prediction": (scores > 0.5).astype(float)}
    )


def findings_of(product, labels: list[float], predictions: int):
    april = product.calendar.parse("2013-04-01")
    made = {"champion": Judged("3", rides(labels), predictions)} if predictions else {}
    found = performance_findings(product, april, made, lambda version: ())
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
            "label": ["bus", "tram", "ferry", "tram"],
            "prediction": ["bus", "bus", "tram", "tram"],
            "probabilities": [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]],
        }
    )
    outcome = outcome_of(product, rows, ("bus", "tram"))
    assert outcome.classes == ("bus", "tram", "ferry")
    assert measure(outcome, "accuracy") == 0.5
    assert measure(outcome, "log_loss") > 5
