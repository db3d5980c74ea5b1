from __future__ import annotations

import numpy as np
import pytest

from mlfactory.product.metrics import merit
from mlfactory.statistics.metrics import Outcome, measure, named_outcome
from mlfactory.statistics.naive import naive_of, naive_outcome


def binary(y: np.ndarray, costs: tuple[float, float] | None = (60.0, 12.0)) -> Outcome:
    return Outcome("binary", y, np.full(len(y), 0.3), np.zeros(len(y)), costs=costs)


@pytest.mark.parametrize("metric", ["accuracy", "recall", "f1", "cost", "brier", "log_loss"])
@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
def test_no_other_constant_decision_of_a_binary_label_does_better(metric: str, share: float):
    y = (np.arange(200) < share * 200).astype(float)
    outcome = binary(y)
    ours = measure(naive_outcome(outcome, metric, naive_of(y, "binary")), metric)
    for decision in (0.0, 1.0):
        for score in (0.05, share, 0.95):
            other = Outcome(
                "binary", y, np.full(200, score), np.full(200, decision), costs=(60.0, 12.0)
            )
            theirs = measure(other, metric)
            assert np.isnan(theirs) or merit(metric, ours) >= merit(metric, theirs) - 1e-12


@pytest.mark.parametrize("metric", ["rmse", "r2", "bias", "mae", "median_absolute_error"])
@pytest.mark.parametrize("rows", [300, 301])
def test_no_other_constant_value_does_better(metric: str, rows: int):
    """Of a skewed label the median had a median absolute error of half as much again."""
    y = np.random.default_rng(3).gamma(1.0, 5.0, rows)
    outcome = Outcome("regression", y, y, y)
    ours = merit(metric, measure(naive_outcome(outcome, metric, naive_of(y, "regression")), metric))
    for value in np.linspace(0, 20, 81):
        constant = np.full(rows, value)
        theirs = merit(metric, measure(Outcome("regression", y, constant, constant), metric))
        assert ours >= theirs - 1e-12


def test_the_constant_of_a_figure_about_1_is_always_1_so_that_a_precision_is_defined():
    y = (np.arange(100) < 20).astype(float)
    for metric, expected in (("precision", 0.2), ("recall", 1.0), ("f1", 1 / 3)):
        made = naive_outcome(binary(y, costs=None), metric, naive_of(y, "binary"))
        assert measure(made, metric) == pytest.approx(expected)


def test_of_several_classes_the_most_frequent_of_the_fitted_rows_is_said():
    learned = naive_of(np.array(["ant"] * 3 + ["bee"] * 5 + ["cat"]), "multiclass")
    truth = ["ant", "bee", "bee", "dog"]
    scores = np.full((4, 3), 1 / 3)
    outcome = named_outcome(truth, scores, ["ant"] * 4, ("ant", "bee", "cat"))
    made = naive_outcome(outcome, "accuracy", learned)
    assert measure(made, "accuracy") == 0.5
    assert made.scores[0].tolist() == pytest.approx([3 / 9, 5 / 9, 1 / 9, 0.0])
    assert made.classes == outcome.classes
