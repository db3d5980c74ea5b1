"""The bounds, the naive answer and the held-out figure: what is alarm, what calm, what neither."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from scipy.optimize import brentq

from mlfactory.monitor.findings import Finding
from mlfactory.monitor.judgement import (
    estimate_of,
    fall_finding,
    metric_against_naive,
    naive_finding,
    summary_of,
)
from mlfactory.statistics.comparison import paired_difference
from mlfactory.statistics.estimate import Estimate
from mlfactory.statistics.metrics import Outcome, measure
from mlfactory.statistics.naive import Naive, naive_of, naive_outcome

COSTS = {"business": {"false_negative": 60, "false_positive": 12}}
BLANK = Finding("2013-04-01", "performance")
DAY, MONTH = timedelta(days=1), timedelta(days=30)


def answers(
    rows: int,
    positive: float,
    *,
    hits: float,
    false_alarms: float,
    days: int = 30,
    seed: int = 1,
) -> Outcome:
    """Return decisions that find a share `hits` of the positives, and call some negatives 1."""
    random = np.random.default_rng(seed)
    y = (np.arange(rows) < rows * positive).astype(float)
    random.shuffle(y)
    said = (random.random(rows) < np.where(y == 1, hits, false_alarms)).astype(float)
    scores = np.clip(said * 0.6 + 0.4 * random.random(rows), 0, 1)
    blocks = np.arange(rows) * days // rows
    return Outcome("binary", y, scores, said, costs=(60.0, 12.0), blocks=blocks)


def judged(
    product, outcome: Outcome, naive: Finding | None = None, held_out: Estimate | None = None
):
    metric = product.spec.performance_metric
    figure = estimate_of(outcome, metric)
    watched = replace(BLANK, metric=metric, value=figure.value, low=figure.low, high=figure.high)
    fall = fall_finding(product.spec, BLANK, outcome, held_out) if held_out else None
    return summary_of(product.spec, watched, outcome, naive, fall)


def watching(metric: str, **bounds: float) -> dict[str, dict[str, object]]:
    return {"performance": {"metric": metric, **bounds}}


@pytest.mark.parametrize(
    ("bounds", "state", "bound"),
    [
        ({"warn": 0.6, "alert": 0.5}, "ok", 0.6),
        ({"warn": 0.9, "alert": 0.5}, "warn", 0.9),
        ({"warn": 0.95, "alert": 0.9}, "alert", 0.9),
        ({"alert": 0.5}, "ok", 0.5),
        ({}, "ok", None),
    ],
)
def test_a_figure_with_its_whole_interval_beyond_a_bound_is_a_warning_or_an_alert(
    product_of, bounds, state, bound
):
    product = product_of(monitor=watching("recall", **bounds))
    found = judged(product, answers(3000, 0.3, hits=0.8, false_alarms=0.1))
    assert (found.state, found.bound) == (state, bound)


def test_a_bias_is_judged_by_its_size(product_of):
    label = {"column": "minutes", "kind": "regression"}
    product = product_of(label=label, monitor=watching("bias", warn=1.0, alert=2.0))
    y = np.random.default_rng(1).normal(size=400)
    for shift, state in ((0.1, "ok"), (-1.5, "warn"), (-3.0, "alert"), (3.0, "alert")):
        assert judged(product, Outcome("regression", y, y + shift, y + shift)).state == state


def test_an_unchanged_model_with_few_positives_is_not_in_alert_for_ever(product_of):
    """A recall of 0.8 over 6 positives is below 0.7 in a third of the windows."""
    product = product_of(monitor=watching("recall", warn=0.75, alert=0.7))
    states = [
        judged(product, answers(60, 0.1, hits=0.8, false_alarms=0.1, seed=seed)).state
        for seed in range(40)
    ]
    assert set(states) == {"insufficient"}
    product = product_of(monitor=watching("recall", alert=0.7))
    states = [
        judged(product, answers(300, 0.1, hits=0.8, false_alarms=0.1, seed=seed)).state
        for seed in range(100)
    ]
    assert states.count("alert") <= 2
    assert states.count("ok") > 50


def test_a_recall_of_nothing_at_all_is_an_alert(product_of):
    product = product_of(monitor=watching("recall", alert=0.5))
    assert judged(product, answers(300, 0.2, hits=0.0, false_alarms=0.1)).state == "alert"


def test_a_figure_that_chance_may_have_put_below_its_bound_is_neither_calm_nor_alarm(product_of):
    outcome = answers(300, 0.2, hits=0.8, false_alarms=0.1)
    bound = measure(outcome, "recall") + 0.02
    found = judged(product_of(monitor=watching("recall", alert=bound)), outcome)
    assert found.low < found.value < bound < found.high
    assert (found.state, found.bound) == ("insufficient", bound)


def naive(product, outcome: Outcome, span: timedelta = MONTH) -> Finding:
    learned = naive_of(outcome.y, "binary")
    return naive_finding(product.spec, BLANK, outcome, learned, span)


def test_cost_is_held_against_the_naive_answer_whatever_is_watched(product_of):
    """In the demo's June the AUC was within its bounds, and no model would have cost less."""
    product = product_of(**COSTS, monitor=watching("roc_auc", warn=0.6, alert=0.55))
    outcome = answers(6000, 0.3, hits=0.3, false_alarms=0.02)
    assert judged(product, outcome).state == "ok"
    found = naive(product, outcome)
    assert (found.state, found.why) == ("alert", "cost")
    assert found.bound > found.value == pytest.approx(0.7 * 12)
    summary = judged(product, outcome, naive=found)
    assert (summary.state, summary.why, summary.bound) == ("alert", "naive", found.value)
    assert summary.value > 0.6


def test_better_than_the_naive_answer_is_ok(product_of):
    product = product_of(**COSTS)
    outcome = answers(6000, 0.3, hits=0.95, false_alarms=0.3)
    found = naive(product, outcome)
    assert found.state == "ok"
    assert judged(product, outcome, naive=found).state == "ok"


def test_no_model_beats_the_naive_recall_so_something_else_is_compared(product_of):
    """A watched recall below 1 was worse than the naive answer, and in alert for ever."""
    product = product_of(monitor=watching("recall", alert=0.5))
    outcome = answers(3000, 0.1, hits=0.8, false_alarms=0.1)
    assert metric_against_naive(product.spec) == "roc_auc"
    assert judged(product, outcome, naive=naive(product, outcome)).state == "ok"


def test_a_few_days_cannot_tell_a_model_from_none_and_say_so(product_of):
    """Four days said ok, for nothing was beyond chance."""
    product = product_of(**COSTS)
    outcome = answers(400, 0.3, hits=0.7, false_alarms=0.25, days=4)
    found = naive(product, outcome, 4 * DAY)
    assert found.state == "insufficient"
    assert judged(product, outcome, naive=found).state == "insufficient"


def test_what_is_far_worse_than_no_model_is_told_before_four_weeks_are_over(product_of):
    product = product_of(**COSTS)
    outcome = answers(6000, 0.3, hits=0.05, false_alarms=0.9, days=20)
    assert naive(product, outcome, 20 * DAY).state == "alert"


def test_rows_of_one_customer_count_once(product_of):
    """One customer made a quarter of the rows: an alert in 25 % of the windows without a fault."""
    product = product_of(**COSTS)
    outcome = answers(40, 0.5, hits=0.55, false_alarms=0.25, seed=5)
    again = outcome.take(np.repeat(np.arange(40), 25))
    assert naive(product, again).state == "warn"
    customers = np.repeat(np.arange(40), 25)
    assert naive(product, replace(again, groups=customers)).state not in ("warn", "alert")


def of_days(days: int, gain: float, seed: int) -> Outcome:
    """Return the last days of 28 whose errors are 3 less `gain` and more or less by their day."""
    random = np.random.default_rng(seed)
    blocks = np.repeat(np.arange(28), 50)
    errors = 3 - gain + 0.3 * random.normal(size=28)[blocks]
    y = 3 * random.choice([-1.0, 1.0], len(blocks))
    return Outcome("regression", y, y + errors, y + errors, blocks=blocks).take(blocks >= 28 - days)


def test_a_model_as_good_as_none_is_no_alert_for_what_a_few_days_brought(product_of):
    """Rows were the only chance over four weeks: an alert, and a training, in 38 % of windows."""
    label = {"column": "minutes", "kind": "regression"}
    product = product_of(label=label, monitor=watching("mae"))

    def states(gain: float, seed: int) -> list[str]:
        return [
            naive_finding(
                product.spec, BLANK, of_days(days, gain, seed), Naive(), days * DAY, windows=4
            ).state
            for days in (4, 8, 16, 28)
        ]

    equal = [states(0.0, seed) for seed in range(60)]
    assert sum("alert" in found for found in equal) <= 3
    # what happened is told all the same, and only where there was time
    assert 10 <= sum(found[-1] == "warn" for found in equal) <= 30
    assert not any("warn" in found[:-1] for found in equal)
    assert all("alert" in states(-1.5, seed) for seed in range(10))


def better_by_chance(chance: float, days: int = 16) -> Outcome:
    """Return errors so much smaller than those of the naive answer that chance does it so often."""
    equal = of_days(days, 0.0, 3)
    constant = naive_outcome(equal, "mae", Naive())

    def moved(gain: float) -> Outcome:
        said = equal.scores - gain
        return replace(equal, scores=said, decisions=said)

    def excess(gain: float) -> float:
        return paired_difference(moved(gain), constant, "mae").chance_of(0.0) - chance

    return moved(brentq(excess, -2.5, 2.5))


@pytest.mark.parametrize(
    ("windows", "chance", "state"),
    [
        (1, 0.045, "ok"),
        (1, 0.055, "insufficient"),
        (4, 0.0115, "ok"),
        (4, 0.0135, "insufficient"),
    ],
)
def test_before_four_weeks_are_over_windows_share_what_chance_may_call_ok(
    product_of, windows, chance, state
):
    """Each of three windows had 5 %: a model as good as none was ok in up to 17 % of cases."""
    label = {"column": "minutes", "kind": "regression"}
    product = product_of(label=label, monitor=watching("mae"))
    outcome = better_by_chance(chance)
    found = naive_finding(product.spec, BLANK, outcome, Naive(), 16 * DAY, windows=windows)
    assert found.state == state


@pytest.mark.parametrize(("held_out", "state"), [(2.0, "warn"), (7.0, "ok")])
def test_a_cost_that_rose_beyond_chance_is_a_warning_and_no_green_card(product_of, held_out, state):
    then = Estimate(held_out, held_out - 0.5, held_out + 0.5)
    product = product_of(**COSTS)
    outcome = answers(3000, 0.3, hits=0.8, false_alarms=0.3)
    summary = judged(product, outcome, held_out=then)
    assert summary.value > 5
    assert summary.state == state
    assert (summary.why == "held_out") == (state == "warn")


def test_a_difference_within_chance_of_the_held_out_figure_is_no_warning(product_of):
    then = Estimate(0.97, 0.7, 0.99)
    summary = judged(product_of(), answers(300, 0.3, hits=0.9, false_alarms=0.1), held_out=then)
    assert (summary.state, summary.value < 0.97) == ("ok", True)
