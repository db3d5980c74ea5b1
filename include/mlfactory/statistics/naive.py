"""The best answer that needs no features: for each metric another constant is the best one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mlfactory.product.metrics import LabelKind
from mlfactory.statistics.metrics import Outcome
from mlfactory.statistics.statistic import Floats, Ints

UNBEATABLE = frozenset({"recall"})
"""Metrics in which nothing beats a constant: to call all rows 1 finds every one of them."""

_ALWAYS_1 = frozenset({"f1", "recall", "precision"})
"""Whoever never says 1 has a recall and an f1 of 0, and no precision at all."""

_CONSTANTS = {"mae": "median", "median_absolute_error": "shorth"}
"""What is best for a value: the mean of absolute errors is smallest about the median, their median
about the middle of the shortest half (Rousseeuw & Leroy 1987, "Robust regression and outlier
detection"); squared errors and the bias about the mean."""


@dataclass(frozen=True)
class Naive:
    """What is known of the labels that were learned from, without looking at a feature.

    Attributes:
        mean: of a value; of a binary label the share of 1.
        median: of a value.
        shorth: of a value, the middle of the shortest interval with half of the rows.
        shares: of each class among the rows, where there are several.
    """

    mean: float = 0.0
    median: float = 0.0
    shorth: float = 0.0
    shares: Mapping[str, float] | None = None


def naive_of(y: npt.NDArray[np.generic], kind: LabelKind) -> Naive:
    """Return what the labels `y` (rows,) of the fitted rows tell by themselves."""
    if kind == "multiclass":
        names, counts = np.unique(y.astype(np.str_), return_counts=True)
        shares = counts / counts.sum()
        return Naive(
            shares={str(name): float(one) for name, one in zip(names, shares, strict=True)}
        )
    values = y.astype(np.float64)
    return Naive(float(np.mean(values)), float(np.median(values)), _shorth(values))


def naive_outcome(outcome: Outcome, metric: str, known: Naive) -> Outcome:
    """Return the same rows answered by the constant that is best for `metric`.

    Args:
        outcome: gives the truth, the costs, and what belongs together.
        known: of the rows that were learned from, so that nothing is known of these.
    """
    if outcome.kind == "multiclass":
        scores, decisions = _of_classes(outcome, known)
    elif outcome.kind == "binary":
        scores = np.full(outcome.rows, known.mean)
        decisions = np.full(outcome.rows, float(_says_1(outcome, metric, known.mean)))
    else:
        value: float = getattr(known, _CONSTANTS.get(metric, "mean"))
        scores = decisions = np.full(outcome.rows, value)
    return replace(outcome, scores=scores, decisions=decisions)


def _says_1(outcome: Outcome, metric: str, share: float) -> bool:
    if metric in _ALWAYS_1:
        return True
    if metric == "cost" and outcome.costs is not None:
        missed, wrong = outcome.costs
        return share * missed > (1 - share) * wrong
    return share > 0.5


def _of_classes(outcome: Outcome, known: Naive) -> tuple[Floats, Ints]:
    """Give each class its share; the most frequent is the best of the constants for each metric."""
    shares = np.array([(known.shares or {}).get(name, 0.0) for name in outcome.classes or ()])
    scores = np.tile(shares, (outcome.rows, 1))
    return scores, np.full(outcome.rows, int(np.argmax(shares)), dtype=np.intp)


def _shorth(values: Floats) -> float:
    """Return the middle of the shortest half; of equally short ones that nearest to the median."""
    ranked = np.sort(values)
    half = len(ranked) // 2 + 1
    starts, ends = ranked[: len(ranked) - half + 1], ranked[half - 1 :]
    lengths, middles = ends - starts, (starts + ends) / 2
    shortest = middles[lengths <= lengths.min() * (1 + 1e-12)]
    return float(shortest[np.argmin(np.abs(shortest - np.median(ranked)))])
