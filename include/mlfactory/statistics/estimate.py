"""How sure a measured figure is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlfactory.statistics.metrics import Outcome, fewest, made_of, measure, statistic
from mlfactory.statistics.noise import noise

_ROUNDING = 1e-12
"""Share of its largest value by which a figure at the end of its scale may be off."""


@dataclass(frozen=True)
class Estimate:
    """A figure and the two ends of its confidence interval; nan where they are undefined."""

    value: float
    low: float
    high: float


def interval(outcome: Outcome, metric: str, *, confidence: float = 0.95) -> Estimate:
    """Estimate a metric with its two-sided interval.

    What chance does is told by `noise`: by days, by groups, or by rows. The ends are taken on the
    scale on which the metric has no end (the logit of a share, the logarithm of an error), so
    that they never leave the values that the metric can take. Of one or two days, of days of
    which a few decide, and of an error of 0 that has no largest value, they are undefined.

    Raises:
        ValueError: no such metric for this kind of label, or `cost` without costs.
    """
    value = measure(outcome, metric)
    if not np.isfinite(value):
        return Estimate(value, np.nan, np.nan)
    influences = statistic(outcome, metric).influences()
    rows, tail = made_of(outcome, metric), (1 - confidence) / 2
    chance = noise(influences, outcome.blocks, outcome.groups, rows)
    below, above = chance.reach(tail), chance.reach_above(tail)
    if not (np.isfinite(below) and np.isfinite(above)):
        return Estimate(value, np.nan, np.nan)
    most = _most(outcome, metric)
    if most and not _ROUNDING < value / most < 1 - _ROUNDING:
        return _at_its_end(outcome, metric, value, most, tail)
    if metric == "balanced_accuracy":
        unseen = _unseen_of_classes(outcome, tail)
        below, above = np.hypot([below, above], unseen)
    scale = _SCALES.get(metric, _SHARE)
    if not scale.holds(value):
        return Estimate(value, np.nan, np.nan)
    there, slope = scale.there(value), scale.slope(value)
    return Estimate(value, scale.back(there - below * slope), scale.back(there + above * slope))


def _most(outcome: Outcome, metric: str) -> float | None:
    """Return the largest value of a metric whose smallest is 0; None where there is no such."""
    if metric == "cost":
        return max(outcome.costs) if outcome.costs is not None else None
    if metric == "log_loss":
        return float(-np.log(np.finfo(np.float64).eps))
    return 1.0 if metric not in _SCALES else None


def _at_its_end(outcome: Outcome, metric: str, value: float, most: float, tail: float) -> Estimate:
    """Return a figure at an end of its scale with what its rows, all alike, leave possible.

    If a share of rows were of the other end, none of n would be seen with the probability
    (1 - share)^n: the "rule of three", see Hanley & Lippman-Hand (1983), "If nothing goes wrong,
    is everything all right?", JAMA 249(13). Rows are those of the rarest kind that the figure is
    made of, and customers where rows have them. What days would do cannot be seen on such rows.
    """
    alike = noise(np.zeros(outcome.rows), None, outcome.groups, made_of(outcome, metric))
    share = _unseen(min(float(fewest(outcome, metric)), alike.effective), tail)
    if value < most / 2:
        return Estimate(value, 0.0, most * share)
    return Estimate(value, most * (1 - share), max(value, most))


def _unseen(rows: float, tail: float) -> float:
    """Return the share of which none of so many rows may be, but for a probability of `tail`."""
    return float(1 - tail ** (1 / max(rows, 1.0)))


def _unseen_of_classes(outcome: Outcome, tail: float) -> tuple[float, float]:
    """Return how far below and above a balanced accuracy is by classes at an end of their scale.

    Of a class whose few rows are all right, or all wrong, the rows themselves show no chance.
    """
    hit = outcome.y == outcome.decisions
    ends: tuple[list[float], list[float]] = ([], [])
    classes = np.unique(outcome.y)
    for one in classes:
        of_class = outcome.take(outcome.y == one)
        right = hit[outcome.y == one]
        if right.all() or not right.any():
            units = noise(np.zeros(of_class.rows), None, of_class.groups).effective
            ends[0 if right.all() else 1].append(_unseen(units, tail))
    below, above = (float(np.linalg.norm(one)) / len(classes) for one in ends)
    return below, above


@dataclass(frozen=True)
class _Scale:
    """A scale without ends: the way there, how steep it is at a value, and the way back."""

    there: Callable[[float], float]
    slope: Callable[[float], float]
    back: Callable[[float], float]
    holds: Callable[[float], bool]


def _logistic(there: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(there, -700, 700))))


def _exponential(there: float) -> float:
    return float(np.exp(np.clip(there, -700, 700)))


_SHARE = _Scale(
    there=lambda value: float(np.log(value / (1 - value))),
    slope=lambda value: 1 / (value * (1 - value)),
    back=_logistic,
    holds=lambda value: 0 < value < 1,
)
_ERROR = _Scale(
    there=lambda value: float(np.log(value)),
    slope=lambda value: 1 / value,
    back=_exponential,
    holds=lambda value: value > 0,
)
_EXPLAINED = _Scale(
    there=lambda value: float(np.log(1 - value)),
    slope=lambda value: -1 / (1 - value),
    back=lambda there: 1 - _exponential(there),
    holds=lambda value: value < 1,
)
_AS_IT_IS = _Scale(
    there=lambda value: value,
    slope=lambda value: 1.0,
    back=lambda there: there,
    holds=lambda value: True,
)
_SCALES = {
    **dict.fromkeys(("log_loss", "cost", "mae", "rmse", "median_absolute_error"), _ERROR),
    "r2": _EXPLAINED,
    "bias": _AS_IT_IS,
}
