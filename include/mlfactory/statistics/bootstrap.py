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

CHUNK = 2**18
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
    low, high = _bound(values, tail, units), -_bound(-values, tail, units)
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

    Of a `bias` the size is compared, whatever its sign. The bound is one-sided at `confidence`,
    and the draws are those of `interval`.

    Raises:
        ValueError: the two outcomes are not of the same rows; no such metric.
    """
    if not _same_rows(challenger, reference):
        raise ValueError("the challenger and its reference were not measured on the same rows")
    outcomes = [challenger, reference]
    (ours, theirs), units = _replicated(outcomes, metric, replicates, seed)
    value = np.subtract(*(np.array([measure(outcome, metric)]) for outcome in outcomes))
    raise NotImplementedError
