"""Intervals hold the truth as often as they promise; the paired test finds what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import process_time

import numpy as np
import pytest

from mlfactory.product.metrics import METRICS
from mlfactory.statistics.bootstrap import interval, paired_difference
from mlfactory.statistics.metrics import Outcome, measure

Make = Callable[..., Outcome]

KINDS_AND_METRICS = sorted(
    (kind, metric.name) for metric in METRICS.values() for kind in metric.kinds
)


def errors_by_day(seed: int, days: int = 30, rows: int = 20) -> Outcome:
    """Make predictions whose errors share what the day brought; the true mean error is 0."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    predicted = rng.normal(0, 1, days)[day] + rng.normal(0, 1, days * rows)
    return Outcome("regression", np.zeros(days * rows), predicted, predicted, blocks=day)


def covered(outcomes: list[Outcome]) -> float:
    found = [interval(one, "bias", confidence=0.9, replicates=200, seed=3) for one in outcomes]
    return float(np.mean([estimate.low <= 0 <= estimate.high for estimate in found]))


def test_interval_holds_the_truth_as_often_as_it_promises() -> None:
    independent = [
        replace(errors_by_day(seed, days=200, rows=1), blocks=None) for seed in range(200)
    ]
    assert 0.85 <= covered(independent) <= 0.95


def test_blocks_keep_the_promise_where_rows_of_a_day_are_alike() -> None:
    days = [errors_by_day(seed) for seed in range(200)]
    assert 0.85 <= covered(days) <= 0.95
    assert covered([replace(one, blocks=None) for one in days[:100]]) < 0.6


def test_few_blocks_still_keep_the_promise() -> None:
    assert 0.84 <= covered([errors_by_day(seed, days=8) for seed in range(200)]) <= 0.96


def test_rows_are_drawn_when_there_are_fewer_than_eight_blocks() -> None:
    rows = errors_by_day(0, days=7)
    without = interval(replace(rows, blocks=None), "mae", seed=1)
    assert interval(rows, "mae", seed=1) == without


@pytest.mark.parametrize(("kind", "metric"), KINDS_AND_METRICS)
def test_every_metric_has_an_interval_around_it_and_the_same_one_again(
    outcome: Make, kind: str, metric: str
) -> None:
    for blocks in (None, np.arange(400) // 20):
        rows = replace(outcome(kind), blocks=blocks)
        found = interval(rows, metric, replicates=100, seed=1)
        assert found.value == measure(rows, metric)
        assert found.low < found.value < found.high
        assert found == interval(rows, metric, replicates=100, seed=1)
        assert found != interval(rows, metric, replicates=100, seed=2)


def test_an_undefined_metric_has_an_undefined_interval(outcome: Make) -> None:
    rows = outcome("binary")
    for some in (rows.take(rows.y == 0), rows.take(np.array([], dtype=np.intp))):
        found = interval(some, "roc_auc", replicates=20, seed=1)
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
    better = METRICS[metric].higher_is_better
    found = paired_difference(
        model, mixed_up, metric, confidence=0.95, replicates=200, seed=1, higher_is_better=better
    )
    back = paired_difference(
        mixed_up, model, metric, confidence=0.95, replicates=200, seed=1, higher_is_better=better
    )
    assert 0 < found.low < found.value
    assert found.probability_better > 0.99
    assert back.value == -found.value
    assert back.low < 0
    assert back.probability_better == pytest.approx(1 - found.probability_better)


def test_noise_is_called_better_as_rarely_as_promised() -> None:
    called = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=300)
        one, other = (Outcome("regression", y, guess, guess) for guess in rng.normal(size=(2, 300)))
        found = paired_difference(
            one, other, "mae", confidence=0.9, replicates=200, seed=1, higher_is_better=False
        )
        called.append(found.low > 0)
    assert 0.04 <= np.mean(called) <= 0.16


def test_shared_luck_cancels_out() -> None:
    hard = errors_by_day(1)
    ours = replace(hard, scores=hard.scores * 0.99)
    found = paired_difference(
        ours, hard, "mae", confidence=0.99, replicates=200, seed=1, higher_is_better=False
    )
    alone = interval(hard, "mae", seed=1)
    assert found.low > 0
    assert found.value < (alone.high - alone.low) / 10


def test_a_model_is_no_better_than_itself(outcome: Make) -> None:
    rows = outcome("binary")
    found = paired_difference(
        rows, rows, "roc_auc", confidence=0.95, replicates=50, seed=1, higher_is_better=True
    )
    assert (found.value, found.low, found.probability_better) == (0, 0, 0.5)


def test_of_a_bias_the_size_counts_and_not_the_sign() -> None:
    y = np.random.default_rng(0).normal(size=200)
    small, large = (Outcome("regression", y, y + by, y + by) for by in (0.5, -3.0))
    found = paired_difference(
        small, large, "bias", confidence=0.95, replicates=50, seed=1, higher_is_better=False
    )
    assert found.value == pytest.approx(2.5)
    assert found.low > 0


def test_models_measured_on_other_rows_are_not_compared(outcome: Make) -> None:
    rows = outcome("binary")
    fewer = rows.take(np.arange(399))
    other_truth = replace(rows, y=1 - rows.y)
    other_days = replace(rows, blocks=np.arange(400))
    for other in (fewer, other_truth, other_days):
        with pytest.raises(ValueError, match="not measured on the same rows"):
            paired_difference(
                rows, other, "roc_auc", confidence=0.95, seed=1, higher_is_better=True
            )


def test_a_comparison_of_many_rows_is_fast(outcome: Make) -> None:
    rows = outcome("binary", rows=30_000)
    start = process_time()
    paired_difference(rows, rows, "roc_auc", confidence=0.95, seed=1, higher_is_better=True)
    assert process_time() - start < 2
