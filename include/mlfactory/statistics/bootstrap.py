"""How sure a measured figure is, and whether one model is truly better than another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from mlfactory.statistics.metrics import Outcome, measure, statistic
from mlfactory.statistics.statistic import Floats, Ints

MIN_BLOCKS = 8
"""With fewer blocks of time than this their spread says nothing, and rows are drawn instead."""

CHUNK = 2**15
"""How many weights are held at once: few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class Estimate:
    """A figure and the two ends of its confidence interval; nan where they are undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """By how much a challenger is better than its reference on the same rows.

    Args:
        value: the improvement, positive when the challenger is better.
        low: its lower confidence bound: above 0, the challenger is better beyond chance.
        probability_better: share of the replicates in which it is better; equal counts half.
    """

    value: float
    low: float
    probability_better: float


def interval(
    outcome: Outcome,
    metric: str,
    *,
    confidence: float = 0.95,
    replicates: int = 500,
    seed: int,
) -> Estimate:
    """Estimate a metric with its two-sided percentile bootstrap interval.

    Whole blocks of time are drawn, for rows of one day share what the day brought (Künsch 1989,
    "The jackknife and the bootstrap for general stationary observations", Annals of Statistics
    17(3)); without blocks, or with fewer than `MIN_BLOCKS`, rows are (Efron & Tibshirani 1993,
    "An introduction to the bootstrap", chapter 13). Replicates in which the metric is undefined
    are left out; when they are the most, the bounds are undefined too.

    Raises:
        ValueError: no such metric for this kind of label, or `cost` without costs.
    """
    (values,), units = _replicated([outcome], metric, replicates, seed)
    tail = (1 - confidence) / 2
    low, high = _lower_bound(values, tail, units), -_lower_bound(-values, tail, units)
    return Estimate(measure(outcome, metric), low, high)


def paired_difference(
    challenger: Outcome,
    reference: Outcome,
    metric: str,
    *,
    confidence: float,
    replicates: int = 1000,
    seed: int,
    higher_is_better: bool,
) -> PairedDifference:
    """Compare two models on the same rows, drawn together, so that shared luck cancels out.

    The draws are those of `interval`, the bound is one-sided at `confidence`. Of a `bias` the
    sizes are compared, for both signs are equally bad.

    Raises:
        ValueError: the two outcomes are not of the same rows; no such metric.
    """
    if not _same_rows(challenger, reference):
        raise ValueError("the challenger and its reference were not measured on the same rows")

    def improvement(ours: Floats, theirs: Floats) -> Floats:
        if metric == "bias":
            ours, theirs = np.abs(ours), np.abs(theirs)
        return ours - theirs if higher_is_better else theirs - ours

    measured = (np.array([measure(outcome, metric)]) for outcome in (challenger, reference))
    values, units = _replicated([challenger, reference], metric, replicates, seed)
    drawn = improvement(*values)
    defined = drawn[np.isfinite(drawn)]
    better = np.mean((np.sign(defined) + 1) / 2) if defined.size else np.nan
    return PairedDifference(
        value=float(improvement(*measured)[0]),
        low=_lower_bound(drawn, 1 - confidence, units),
        probability_better=float(better),
    )


def _same_rows(one: Outcome, other: Outcome) -> bool:
    if one.blocks is None or other.blocks is None:
        same_blocks = one.blocks is other.blocks
    else:
        same_blocks = np.array_equal(one.blocks, other.blocks)
    return same_blocks and one.kind == other.kind and np.array_equal(one.y, other.y)


def _replicated(
    outcomes: Sequence[Outcome], metric: str, replicates: int, seed: int
) -> tuple[Floats, int]:
    """Return the metric (outcomes, replicates) under common draws, and of how many units."""
    codes, units = _units(outcomes[0])
    made = [statistic(outcome, metric).grouped(codes, units) for outcome in outcomes]
    if units == 0:
        return np.full((len(outcomes), replicates), np.nan), units
    draws = _draws(units, replicates, chunk=max(1, CHUNK // outcomes[0].rows), seed=seed)
    values = [[one.under(counts) for one in made] for counts in draws]
    return np.concatenate(values, axis=1), units


def _units(outcome: Outcome) -> tuple[Ints, int]:
    """Return what is drawn: the unit of each row, and how many units there are."""
    if outcome.blocks is not None:
        blocks, codes = np.unique(outcome.blocks, return_inverse=True)
        if len(blocks) >= MIN_BLOCKS:
            return codes, len(blocks)
    return np.arange(outcome.rows), outcome.rows


def _draws(units: int, replicates: int, *, chunk: int, seed: int) -> Iterator[Floats]:
    """Yield how often each unit was drawn, (up to chunk, units) at a time."""
    generator = np.random.default_rng(seed)
    for start in range(0, replicates, chunk):
        size = min(chunk, replicates - start)
        drawn = generator.integers(0, units, size=(size, units))
        drawn += units * np.arange(size)[:, np.newaxis]
        counts = np.bincount(drawn.ravel(), minlength=size * units)
        yield counts.reshape(size, units).astype(np.float64)


def _lower_bound(values: Floats, tail: float, units: int) -> float:
    """Return the quantile that leaves `tail` of the defined values below it.

    The quantile is taken further out when there are few units, or the bound would be crossed
    more often than promised: the expanded percentile interval of Hesterberg (2015), "What
    teachers should know about the bootstrap", The American Statistician 69(4).
    """
    defined = values[np.isfinite(values)]
    if units < 2 or 2 * defined.size < values.size:
        return float("nan")
    widened = ndtr(np.sqrt(units / (units - 1)) * stdtrit(units - 1, tail))
    return float(np.quantile(defined, widened))
