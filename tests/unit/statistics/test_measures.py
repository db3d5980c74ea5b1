"""Metrics agree with scikit-learn under any weights, and are nan where they mean nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from mlfactory.product.metrics import METRICS
from mlfactory.statistics.metrics import Outcome, measure, named_outcome

Make = Callable[..., Outcome]


def _cost(o: Outcome, w: Any) -> float:
    _, wrong, missed, _ = sk.confusion_matrix(o.y, o.decisions, sample_weight=w).ravel()
    return float((60 * missed + 12 * wrong) / np.sum(w))


def _of_decisions(function: Callable[..., float], **options: Any) -> Callable[..., float]:
    return lambda o, w: function(o.y, o.decisions, sample_weight=w, **options)


def _of_scores(function: Callable[..., float]) -> Callable[..., float]:
    return lambda o, w: function(o.y, o.scores, sample_weight=w)


TRUTH: dict[tuple[str, str], Callable[[Outcome, Any], float]] = {
    ("binary", "roc_auc"): _of_scores(sk.roc_auc_score),
    ("binary", "average_precision"): _of_scores(sk.average_precision_score),
    ("binary", "log_loss"): _of_scores(sk.log_loss),
    ("binary", "brier"): _of_scores(sk.brier_score_loss),
    ("binary", "accuracy"): _of_decisions(sk.accuracy_score),
    ("binary", "precision"): _of_decisions(sk.precision_score),
    ("binary", "recall"): _of_decisions(sk.recall_score),
    ("binary", "f1"): _of_decisions(sk.f1_score),
    ("binary", "cost"): _cost,
    ("multiclass", "accuracy"): _of_decisions(sk.accuracy_score),
    ("multiclass", "balanced_accuracy"): _of_decisions(sk.balanced_accuracy_score),
    ("multiclass", "f1_macro"): _of_decisions(sk.f1_score, average="macro"),
    ("multiclass", "log_loss"): _of_scores(sk.log_loss),
    ("regression", "mae"): _of_scores(sk.mean_absolute_error),
    ("regression", "rmse"): _of_scores(sk.root_mean_squared_error),
    ("regression", "r2"): _of_scores(sk.r2_score),
    ("regression", "median_absolute_error"): _of_scores(sk.median_absolute_error),
    ("regression", "bias"): lambda o, w: float(np.average(o.scores - o.y, weights=w)),
}


def test_every_metric_of_the_spec_is_checked_here() -> None:
    named = {(kind, metric.name) for metric in METRICS.values() for kind in metric.kinds}
    assert named == set(TRUTH)


@pytest.mark.parametrize(("kind", "metric"), TRUTH)
def test_metric_agrees_with_scikit_learn_under_weights(
    outcome: Make, kind: str, metric: str
) -> None:
    rng = np.random.default_rng(1)
    rows = outcome(kind)
    for weights in (np.ones(400), rng.random(400) + 0.01, rng.integers(1, 5, 400).astype(float)):
        expected = TRUTH[kind, metric](rows, weights)
        assert measure(rows, metric, weights) == pytest.approx(expected, abs=1e-9, rel=1e-9)
    unweighted = TRUTH[kind, metric](rows, np.ones(400))
    assert measure(rows, metric) == pytest.approx(unweighted, abs=1e-9)


@pytest.mark.parametrize(("kind", "metric"), TRUTH)
def test_whole_weights_mean_rows_that_are_repeated_or_absent(
    outcome: Make, kind: str, metric: str
) -> None:
    rng = np.random.default_rng(2)
    rows = outcome(kind)
    counts = rng.integers(0, 4, rows.rows)
    repeated = rows.take(np.repeat(np.arange(rows.rows), counts))
    weighed = measure(rows, metric, counts.astype(np.float64))
    assert weighed == pytest.approx(measure(repeated, metric), abs=1e-9)
    expected = TRUTH[kind, metric](repeated, np.ones(repeated.rows))
    assert weighed == pytest.approx(expected, abs=1e-9)


def test_a_class_without_weight_is_left_out_of_averages_over_classes(outcome: Make) -> None:
    rows = outcome("multiclass")
    without = (rows.y != 3) & (rows.decisions != 3)
    for metric in ("balanced_accuracy", "f1_macro"):
        weighed = measure(rows, metric, without.astype(np.float64))
        assert weighed == pytest.approx(measure(rows.take(without), metric))
        assert weighed == pytest.approx(TRUTH["multiclass", metric](rows.take(without), None))


@pytest.mark.parametrize(("kind", "metric"), TRUTH)
def test_no_rows_and_no_weight_give_nan(outcome: Make, kind: str, metric: str) -> None:
    rows = outcome(kind)
    assert np.isnan(measure(rows.take(np.array([], dtype=np.intp)), metric))
    assert np.isnan(measure(rows, metric, np.zeros(rows.rows)))


def test_metrics_that_need_both_classes_are_nan_with_one(outcome: Make) -> None:
    rows = outcome("binary")
    negatives, positives = rows.take(rows.y == 0), rows.take(rows.y == 1)
    assert np.isnan(measure(negatives, "roc_auc"))
    assert np.isnan(measure(positives, "roc_auc"))
    assert np.isnan(measure(negatives, "average_precision"))
    assert np.isnan(measure(negatives, "recall"))


def test_precision_is_nan_when_nothing_is_called_positive(outcome: Make) -> None:
    rows = outcome("binary")
    silent = replace(rows, decisions=np.zeros(rows.rows))
    assert np.isnan(measure(silent, "precision"))
    assert measure(silent, "recall") == 0
    assert measure(silent, "f1") == 0


@pytest.mark.parametrize("level", [0.0, 0.1, 1e9])
def test_r2_of_a_constant_truth_is_nan(level: float) -> None:
    y = np.full(50, level)
    predicted = y + np.random.default_rng(0).normal(size=50)
    assert np.isnan(measure(Outcome("regression", y, predicted, predicted), "r2"))


def test_log_loss_of_a_certain_mistake_is_finite() -> None:
    wrong = Outcome("binary", np.ones(3), np.zeros(3), np.zeros(3))
    assert measure(wrong, "log_loss") == pytest.approx(sk.log_loss([1] * 3, [0] * 3, labels=[0, 1]))


def test_names_of_classes_become_places_and_an_unknown_class_has_no_chance() -> None:
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
    truth, said = ["bus", "tram", "ferry"], ["bus", "bus", "tram"]
    own = named_outcome(truth, scores, said, ("tram", "bus"))
    assert own.classes == ("tram", "bus", "ferry")
    assert (own.y.tolist(), own.decisions.tolist()) == ([1, 0, 2], [1, 1, 0])
    assert own.scores[:, 2].tolist() == [0, 0, 0]
    shared = named_outcome(
        truth, scores, said, ("tram", "bus"), classes=("bus", "car", "ferry", "tram")
    )
    assert shared.scores[0].tolist() == [0.1, 0, 0, 0.9]
    assert measure(shared, "accuracy") == measure(own, "accuracy")
    assert measure(shared, "log_loss") == measure(own, "log_loss")


def test_what_cannot_be_measured_is_refused_by_name(outcome: Make) -> None:
    rows = outcome("binary")
    with pytest.raises(ValueError, match="no metric 'rmse' for binary labels"):
        measure(rows, "rmse")
    with pytest.raises(ValueError, match="needs the costs"):
        measure(replace(rows, costs=None), "cost")
    with pytest.raises(ValueError, match="differ in length"):
        replace(rows, scores=rows.scores[1:])
    with pytest.raises(ValueError, match="differ in length"):
        replace(rows, blocks=np.arange(3))
    with pytest.raises(ValueError, match="1 of the scores"):
        replace(rows, scores=np.append(rows.scores[1:], np.nan))
