"""Intervals hold the truth and gates let equals pass as often as they promise, whatever rows share.

The simulations here are quick and their bounds wide; `make chance` makes the whole table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import process_time

import numpy as np
import pytest
from scipy.signal import lfilter

from mlfactory.product.metrics import METRICS
from mlfactory.statistics.comparison import PairedDifference, paired_difference
from mlfactory.statistics.estimate import interval
from mlfactory.statistics.metrics import Outcome, measure, statistic

Make = Callable[..., Outcome]

KINDS_AND_METRICS = sorted(
    (kind, metric.name) for metric in METRICS.values() for kind in metric.kinds
)


def errors_by_day(seed: int, days: int = 30, rows: int = 20, memory: float = 0.0) -> Outcome:
    """Make predictions whose errors share what the day brought; the true mean error is 0."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    shocks = rng.normal(0, 1, days)
    shocks[1:] *= np.sqrt(1 - memory**2)
    brought = lfilter([1.0], [1.0, -memory], shocks)
    predicted = brought[day] + rng.normal(0, 1, days * rows)
    return Outcome("regression", np.zeros(days * rows), predicted, predicted, blocks=day)


def covered(outcomes: list[Outcome]) -> float:
    found = [interval(one, "bias", confidence=0.9) for one in outcomes]
    return float(np.mean([estimate.low <= 0 <= estimate.high for estimate in found]))


def two_equals(seed: int, days: int, memory: float, customers: int = 0) -> tuple[Outcome, Outcome]:
    """Make two models of which each is better on the days (or to the customers) that suit it."""
    rng = np.random.default_rng(seed)
    rows = days * 20
    day = np.repeat(np.arange(days), 20)
    shocks = rng.normal(0, 1, days)
    shocks[1:] *= np.sqrt(1 - memory**2)
    shared = lfilter([1.0], [1.0, -memory], shocks)[day]
    groups = None
    if customers:
        groups = rng.integers(0, customers, rows)
        shared = rng.normal(0, 1, customers)[groups]
    one, other = 10 + shared / 2 + rng.normal(size=rows), 10 - shared / 2 + rng.normal(size=rows)
    blocks = None if customers else day
    y = np.zeros(rows)
    return (
        Outcome("regression", y, one, one, blocks=blocks, groups=groups),
        Outcome("regression", y, other, other, blocks=blocks, groups=groups),
    )


def two_equals_of_a_burst(
    seed: int, share: float, metric: str, *, of_days: bool = True
) -> PairedDifference:
    """Compare two equal models on 30 days (or customers) of which one has most of the positives."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(30), 50)
    burst = unit == rng.integers(0, 30)
    odds = np.where(burst, 30 * share, 30 / 29 * (1 - share)) / 20
    y = (rng.random(len(unit)) < np.minimum(odds, 1)).astype(float)
    if share == 1:
        y[burst] = np.arange(50) % 2
    base = 2 * y + rng.normal(size=len(unit))
    both = []
    for _ in range(2):
        # each day favours one or the other
        scores = base + rng.normal(size=len(unit)) / 2 + rng.normal(size=30)[unit] / 2
        made = Outcome("binary", y, 1 / (1 + np.exp(2 - scores)), (scores > 2).astype(float))
        both.append(replace(made, blocks=unit) if of_days else replace(made, groups=unit))
    return paired_difference(both[0], both[1], metric)


def called_better(pairs: list[tuple[Outcome, Outcome]], confidence: float = 0.95) -> float:
    found = [paired_difference(*pair, "mae").at_least(confidence) > 0 for pair in pairs]
    return float(np.mean(found))


def test_interval_holds_the_truth_as_often_as_it_promises() -> None:
    independent = [
        replace(errors_by_day(seed, days=200, rows=1), blocks=None) for seed in range(300)
    ]
    assert 0.86 <= covered(independent) <= 0.94


def test_days_keep_the_promise_where_their_rows_are_alike() -> None:
    days = [errors_by_day(seed) for seed in range(300)]
    assert 0.87 <= covered(days) <= 0.98
    assert covered([replace(one, blocks=None) for one in days[:100]]) < 0.6


def test_equal_models_pass_as_rarely_as_promised_where_rows_are_of_customers() -> None:
    pairs = [two_equals(seed, 15, 0.0, customers=40) for seed in range(200)]
    assert 0.015 <= called_better(pairs) <= 0.1
    alone = [tuple(replace(one, groups=None) for one in pair) for pair in pairs[:150]]
    assert called_better(alone) > 0.15  # type: ignore[arg-type]


def test_customers_that_come_back_every_day_are_drawn_together_as_well() -> None:
    pairs = []
    for seed in range(120):
        one, other = two_equals(seed, 30, 0.0, customers=20)
        day = np.repeat(np.arange(30), 20)
        pairs.append((replace(one, blocks=day), replace(other, blocks=day)))
    assert called_better(pairs) <= 0.11
    alone = [tuple(replace(one, groups=None) for one in pair) for pair in pairs]
    assert called_better(alone) > 0.13  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", ["recall", "roc_auc", "average_precision"])
@pytest.mark.parametrize("of_days", [True, False])
def test_a_day_or_customer_with_all_positives_is_never_sure(metric: str, of_days: bool) -> None:
    for seed in range(40):
        found = two_equals_of_a_burst(seed, 1.0, metric, of_days=of_days)
        assert not found.noise.tells and not found.at_least(0.95) > 0


def test_noise_of_independent_rows_is_called_better_as_rarely_as_promised() -> None:
    called = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=300)
        one, other = (Outcome("regression", y, guess, guess) for guess in rng.normal(size=(2, 300)))
        called.append(paired_difference(one, other, "mae").at_least(0.9) > 0)
    assert 0.06 <= np.mean(called) <= 0.14


def test_what_is_overwhelming_is_told_by_few_days() -> None:
    ours, theirs = two_equals(0, 5, 0.0)
    far = replace(ours, scores=ours.scores - 9)
    assert paired_difference(far, theirs, "mae").at_least(0.95) > 0


def test_one_day_tells_nothing() -> None:
    found = paired_difference(*two_equals(0, 1, 0.0), "mae")
    assert np.isnan(found.at_least(0.95)) and np.isnan(found.probability_better)
    assert not found.noise.tells
    assert np.isnan(interval(two_equals(0, 1, 0.0)[0], "mae").low)


@pytest.mark.parametrize(
    ("kind", "metric"), sorted({*KINDS_AND_METRICS} - {("regression", "median_absolute_error")})
)
def test_the_influence_of_a_row_is_what_a_change_of_its_weight_does(
    outcome: Make, kind: str, metric: str
) -> None:
    rows = outcome(kind)
    influences = statistic(rows, metric).influences()
    assert influences.sum() == pytest.approx(0, abs=1e-6)
    for row in range(0, rows.rows, 57):
        more, less = np.ones(rows.rows), np.ones(rows.rows)
        more[row] += 1e-4
        less[row] -= 1e-4
        slope = (measure(rows, metric, more) - measure(rows, metric, less)) / 2e-4
        assert slope == pytest.approx(influences[row], abs=1e-6 * np.abs(influences).max())


def test_the_influences_of_a_median_give_its_spread() -> None:
    rng = np.random.default_rng(0)
    errors = rng.exponential(size=(300, 400))
    y = np.zeros(400)
    found = [
        interval(Outcome("regression", y, row, row), "median_absolute_error", confidence=0.9)
        for row in errors
    ]
    held = np.mean([one.low <= np.log(2) <= one.high for one in found])
    assert 0.84 <= held <= 0.95


@pytest.mark.parametrize(("kind", "metric"), KINDS_AND_METRICS)
def test_every_metric_has_an_interval_around_it_and_the_same_one_again(
    outcome: Make, kind: str, metric: str
) -> None:
    for blocks in (None, np.arange(400) // 20):
        rows = replace(outcome(kind), blocks=blocks)
        found = interval(rows, metric)
        assert found.value == measure(rows, metric)
        assert found.low < found.value < found.high
        assert found == interval(rows, metric)


def test_an_interval_stays_where_the_metric_can_be() -> None:
    y = np.arange(40) % 2.0
    scores = np.where(np.arange(40) == 0, 1.0, y)
    rows = Outcome("binary", y, scores, (scores > 0.5).astype(float))
    for metric in ("roc_auc", "accuracy", "precision"):
        found = interval(rows, metric)
        assert 0 < found.low < found.value < found.high < 1


OF_BINARY = sorted(name for kind, name in KINDS_AND_METRICS if kind == "binary")


@pytest.mark.parametrize("metric", OF_BINARY)
def test_a_perfect_figure_is_as_sure_as_its_rows_are_many(metric: str) -> None:
    """It had no interval, so that nothing could be told to have fallen from there."""
    most = {"cost": 60.0, "log_loss": -np.log(np.finfo(float).eps)}.get(metric, 1.0)
    for rows in (40, 4000):
        of_all, of_half = (1 - 0.025 ** (1 / count) for count in (rows, rows / 2))
        y, day = np.arange(rows) % 2.0, np.arange(rows) * 20 // rows
        for blocks in (day, None):
            perfect = Outcome("binary", y, y, y, costs=(60.0, 12.0), blocks=blocks)
            found = interval(perfect, metric)
            assert found.low <= found.value <= found.high
            assert 0.999 * of_all < (found.high - found.low) / most < 1.001 * of_half
        # the rows of ten customers are ten
        of_ten = interval(replace(perfect, groups=np.arange(rows) * 10 // rows), metric)
        assert (of_ten.high - of_ten.low) / most == pytest.approx(1 - 0.025**0.1)


def test_a_figure_that_could_not_be_worse_has_an_interval_too() -> None:
    y = np.arange(40) % 2.0
    wrong = Outcome("binary", y, 1 - y, 1 - y)
    for metric, ends in {"recall": (0, 0.168), "roc_auc": (0, 0.168), "brier": (0.912, 1)}.items():
        found = interval(wrong, metric)
        assert (found.low, found.high) == pytest.approx(ends, abs=0.001)
    several = Outcome("multiclass", y.astype(int), np.eye(2)[y.astype(int)], y.astype(int))
    for metric in ("balanced_accuracy", "f1_macro"):
        found = interval(several, metric)
        assert (found.low, found.high) == pytest.approx((0.832, 1), abs=0.001)


@pytest.mark.parametrize("few", [2, 5])
def test_a_class_of_a_few_rows_all_right_or_all_wrong_is_not_sure_for_that(few: int) -> None:
    """An alert in 26 % of cases where 2.5 were promised: of 2 rows both were wrong."""
    rng, truth, y = np.random.default_rng(1), (0.9 + 0.9 + 0.5) / 3, np.repeat([0, 1, 2], 300)
    y, outside = y[: 600 + few], 0
    for _ in range(100):
        wrong = rng.random(len(y)) > np.array([0.9, 0.9, 0.5])[y]
        said = (y + wrong) % 3
        found = interval(Outcome("multiclass", y, np.eye(3)[said], said), "balanced_accuracy")
        assert found.low < found.value < found.high
        outside += not found.low <= truth <= found.high
    assert outside <= 12


def test_what_says_the_same_of_every_row_leaves_nothing_to_chance() -> None:
    y = np.arange(40) % 2.0
    found = interval(Outcome("binary", y, np.full(40, 0.3), y), "roc_auc")
    assert found.low == found.value == found.high == 0.5


def test_an_error_of_nothing_that_has_no_largest_value_has_no_interval() -> None:
    y = np.arange(40.0)
    for metric in ("mae", "median_absolute_error", "r2"):
        found = interval(Outcome("regression", y, y, y), metric)
        assert np.isnan([found.low, found.high]).all()


def test_an_undefined_metric_has_an_undefined_interval(outcome: Make) -> None:
    rows = outcome("binary")
    for some in (rows.take(rows.y == 0), rows.take(np.array([], dtype=np.intp))):
        found = interval(some, "roc_auc")
        assert np.isnan([found.value, found.low, found.high]).all()


def shuffled(rows: Outcome) -> Outcome:
    """Give every other row the answer that was meant for some other one."""
    other = np.arange(rows.rows)
    other[::2] = np.random.default_rng(5).permutation(other[::2])
    return replace(rows, scores=rows.scores[other], decisions=rows.decisions[other])


@pytest.mark.parametrize(
    ("kind", "metric"), sorted({*KINDS_AND_METRICS} - {("regression", "bias")})
)
def test_a_better_model_is_found_better_by_every_metric(
    outcome: Make, kind: str, metric: str
) -> None:
    model = outcome(kind, rows=3000)
    mixed_up = shuffled(model)
    found = paired_difference(model, mixed_up, metric)
    back = paired_difference(mixed_up, model, metric)
    assert 0 < found.at_least(0.95) < found.value
    assert found.probability_better > 0.99
    assert back.value == -found.value
    assert back.at_least(0.95) < 0
    assert back.probability_better == pytest.approx(1 - found.probability_better)


def test_shared_luck_cancels_out() -> None:
    hard = errors_by_day(1)
    ours = replace(hard, scores=hard.scores * 0.99)
    found = paired_difference(ours, hard, "mae")
    alone = interval(hard, "mae")
    assert found.at_least(0.99) > 0
    assert found.value < (alone.high - alone.low) / 10


def test_a_model_is_no_better_than_itself(outcome: Make) -> None:
    rows = outcome("binary")
    found = paired_difference(rows, rows, "roc_auc")
    assert (found.value, found.at_least(0.95), found.probability_better) == (0, 0, 0.5)


def test_of_a_bias_the_size_counts_and_not_the_sign() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    small, large = (
        Outcome("regression", y, guess, guess)
        for guess in (y + rng.normal(0.5, 0.1, 200), y + rng.normal(-3.0, 0.1, 200))
    )
    found = paired_difference(small, large, "bias")
    assert found.value == pytest.approx(2.5, abs=0.05)
    assert found.at_least(0.95) > 2.4


def test_how_many_units_would_show_a_difference_of_this_size() -> None:
    ours, theirs = two_equals(3, 30, 0.0)
    found = paired_difference(ours, theirs, "mae")
    if found.value < 0:
        found = paired_difference(theirs, ours, "mae")
    wanted = found.units_to_show(0.95)
    assert wanted > 30 or found.at_least(0.95) > 0
    assert paired_difference(ours, ours, "mae").units_to_show(0.95) == np.inf


def test_models_measured_on_other_rows_are_not_compared(outcome: Make) -> None:
    rows = outcome("binary")
    fewer = rows.take(np.arange(399))
    other_truth = replace(rows, y=1 - rows.y)
    other_days = replace(rows, blocks=np.arange(400))
    other_customers = replace(rows, groups=np.arange(400))
    for other in (fewer, other_truth, other_days, other_customers):
        with pytest.raises(ValueError, match="not measured on the same rows"):
            paired_difference(rows, other, "roc_auc")


def test_a_comparison_of_many_rows_is_fast(outcome: Make) -> None:
    rows = outcome("binary", rows=30_000)
    start = process_time()
    paired_difference(rows, rows, "roc_auc")
    assert process_time() - start < 0.5
