"""When a figure fell from the held-out one beyond chance, also from or to the end of its scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlfactory.monitor.findings import Finding
from mlfactory.monitor.judgement import estimate_of, fall_finding, summary_of
from mlfactory.statistics.estimate import Estimate, interval
from mlfactory.statistics.metrics import Outcome

BLANK = Finding("2013-04-01", "performance")
COSTS = {"business": {"false_negative": 60, "false_positive": 12}}
MINUTES = {"column": "minutes", "kind": "regression"}


def answers(skill: float, lower: float = 0.0, days: int = 28, rows: int = 40) -> Outcome:
    """Return answers whose logits tell both classes apart by `skill`, and are `lower` than then."""
    random = np.random.default_rng(int(10 * (skill + lower)))
    day = np.repeat(np.arange(days), rows)
    y = (random.random(len(day)) < 0.2).astype(float)
    logits = skill * (y - 0.5) + 0.8 * random.normal(size=len(day)) - lower
    said = (logits > 0).astype(float)
    return Outcome("binary", y, 1 / (1 + np.exp(-logits)), said, costs=(60.0, 12.0), blocks=day)


def fell(product_of, metric: str, now: Outcome, then: Outcome, **sections) -> Finding | None:
    """Tell whether a figure fell, both being measured as the factory does."""
    product = product_of(monitor={"performance": {"metric": metric}}, **sections)
    return fall_finding(product.spec, BLANK, now, interval(then, metric))


@pytest.mark.parametrize(
    ("metric", "then", "now"),
    [
        ("recall", answers(3.0), answers(3.0, lower=9.0)),
        ("accuracy", answers(12.0), answers(2.0)),
        ("brier", answers(60.0), answers(2.0)),
        ("cost", answers(12.0), answers(2.0)),
        ("roc_auc", answers(14.0), answers(2.0)),
        ("roc_auc", answers(3.0), replace(answers(3.0), scores=np.full(1120, 0.3))),
    ],
)
def test_a_fall_from_the_best_or_to_the_worst_figure_is_told(product_of, metric, then, now):
    """Such a figure had no interval: recall from 0.99 to 0, accuracy from 1 to 0.9, were ok."""
    found = fell(product_of, metric, now, then, **COSTS)
    assert found is not None and found.state == "warn"
    assert fell(product_of, metric, then, then, **COSTS) is None


def test_a_few_perfect_rows_are_no_measure_that_every_model_falls_from(product_of):
    few = answers(12.0, days=20, rows=1)
    assert interval(few, "accuracy").value == 1
    now = answers(3.0)
    assert interval(now, "accuracy").high < 1
    assert fell(product_of, "accuracy", now, few) is None
    assert fell(product_of, "accuracy", now, answers(12.0)) is not None


@pytest.mark.parametrize("metric", ["accuracy", "recall", "cost"])
def test_a_day_in_a_month_that_goes_wrong_is_no_fall_from_a_month_without_one(product_of, metric):
    """Half of a day's rows are wrong once in 30 days: a fall in 20 % of cases, 2.5 are promised."""
    product = product_of(monitor={"performance": {"metric": metric}}, **COSTS)
    random, day = np.random.default_rng(0), np.repeat(np.arange(28), 100)
    y = np.arange(len(day)) % 2.0

    def month(bad: np.ndarray) -> Outcome:
        wrong = bad[day] & (random.random(len(day)) < 0.5)
        said = np.where(wrong, 1 - y, y)
        return Outcome("binary", y, said, said, costs=(60.0, 12.0), blocks=day)

    then = interval(month(np.zeros(28, dtype=bool)), metric)
    fallen = [
        fall_finding(product.spec, BLANK, month(random.random(28) < 1 / 30), then) is not None
        for _ in range(100)
    ]
    assert sum(fallen) <= 5
    assert fall_finding(product.spec, BLANK, month(np.arange(28) % 2 == 0), then) is not None


def test_several_classes_fall_from_perfect_answers_too(product_of):
    label = {"column": "kind", "kind": "multiclass"}
    y, day = np.arange(1200) % 3, np.repeat(np.arange(30), 40)
    said = np.where(np.arange(1200) % 7 == 0, (y + 1) % 3, y)
    then, now = (
        Outcome("multiclass", y, np.eye(3)[one], one, classes=tuple("abc"), blocks=day)
        for one in (y, said)
    )
    for metric in ("accuracy", "balanced_accuracy", "log_loss"):
        assert fell(product_of, metric, now, then, label=label) is not None
        assert fell(product_of, metric, then, then, label=label) is None


def test_a_figure_whose_chance_is_not_known_has_not_fallen(product_of):
    """All that is wrong was so on one of two days."""
    now = answers(3.0, lower=9.0, days=2, rows=600)
    assert fell(product_of, "recall", now, answers(3.0)) is None


def test_an_unbiased_model_falls_as_rarely_as_promised(product_of):
    """An interval around 0 ended at its nearer end: of 2.5 % promised it was up to 10."""
    product = product_of(label=MINUTES, monitor={"performance": {"metric": "bias"}})
    random, day = np.random.default_rng(0), np.repeat(np.arange(180), 5)

    def unbiased(days: int) -> Outcome:
        of_day = 0.3 * random.normal(size=180)[day] + random.normal(size=len(day))
        said = Outcome("regression", np.zeros(len(day)), of_day, of_day, blocks=day)
        return said.take(day < days)

    fallen = sum(
        fall_finding(product.spec, BLANK, unbiased(28), interval(unbiased(180), "bias")) is not None
        for _ in range(300)
    )
    assert fallen <= 0.05 * 300


def test_a_bias_of_either_sign_is_a_fall(product_of):
    rng, day = np.random.default_rng(0), np.repeat(np.arange(28), 40)
    errors = rng.normal(size=len(day))
    then, high, low = (
        Outcome("regression", np.zeros(len(day)), errors + by, errors + by, blocks=day)
        for by in (0.1, 0.5, -0.5)
    )
    for now in (high, low):
        assert fell(product_of, "bias", now, then, label=MINUTES) is not None


def test_of_few_rows_nothing_is_said_to_have_fallen(product_of):
    """A recall of ten rows may be worse beyond chance by its interval alone."""
    few = answers(3.0, lower=9.0).take(np.arange(0, 1120, 20))
    assert 0 < np.sum(few.y == 1) < 20
    assert fell(product_of, "recall", few, answers(3.0)) is None
    assert interval(few, "recall").high < interval(answers(3.0), "recall").low


def test_a_fall_does_not_stand_before_an_alert(product_of):
    """A figure beyond its bound of an alert that fell as well would have been a warning."""
    product = product_of(monitor={"performance": {"metric": "recall", "alert": 0.9}})
    outcome = answers(3.0, lower=3.0)
    figure = estimate_of(outcome, "recall")
    watched = replace(BLANK, metric="recall", value=figure.value, low=figure.low, high=figure.high)
    fall = fall_finding(product.spec, BLANK, outcome, Estimate(0.95, 0.9, 0.98))
    assert fall is not None
    found = summary_of(product.spec, watched, outcome, None, fall)
    assert (found.state, found.bound, found.why) == ("alert", 0.9, "bound")
