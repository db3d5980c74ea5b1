"""Statistics of rows that can be computed again, fast, under many vectors of weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

TIE = 1e-12
"""Relative difference below which two cumulated weights are one and the same."""


class Statistic(Protocol):
    """A number made from weighted units, where a unit is a row until `grouped` says otherwise."""

    def under(self, weights: Floats) -> Floats:
        """Return the value under each row of `weights` (replicates, units); nan if undefined."""

    def grouped(self, codes: Ints, groups: int) -> Self:
        """Return the same statistic with one weight a group; `codes` (units,) name the groups."""


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide, with nan where the denominator is not positive."""
    quotient = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


@dataclass(frozen=True, eq=False)
class Additive:
    """A function of weighted sums over the rows, so that a group is no more than its sums.

    Args:
        columns: (units, sums) what is summed.
        finish: takes the sums (replicates, sums), gives the values (replicates,).
    """

    columns: Floats
    finish: Callable[[Floats], Floats]

    def under(self, weights: Floats) -> Floats:
        """Return the value under each row of `weights` (replicates, units)."""
        return self.finish(weights @ self.columns)

    def grouped(self, codes: Ints, groups: int) -> Additive:
        """Return the same statistic with one weight a group."""
        sums = [np.bincount(codes, column, groups) for column in self.columns.T]
        return replace(self, columns=np.stack(sums, axis=1))


@dataclass(frozen=True, eq=False)
class Ranked:
    """A function of the rows' order: sorted once, then only cumulated sums for each replicate.

    Args:
        unit: (rows,) which weight each row takes, rows in sorted order.
        finish: takes the rows' weights (replicates, rows), gives the values (replicates,).
    """

    unit: Ints
    finish: Callable[[Floats], Floats]

    def under(self, weights: Floats) -> Floats:
        """Return the value under each row of `weights` (replicates, units)."""
        return self.finish(np.take(weights, self.unit, axis=1))

    def grouped(self, codes: Ints, groups: int) -> Ranked:
        """Return the same statistic with one weight a group."""
        return replace(self, unit=codes[self.unit])


def weighted_mean(values: Floats) -> Additive:
    """Return the weighted mean of `values` (rows,)."""
    return Additive(
        np.stack([values, np.ones_like(values)], axis=1),
        lambda sums: ratio(sums[:, 0], sums[:, 1]),
    )


def weighted_median(values: Floats) -> Ranked:
    """Return the weighted median of `values`: the middle of both where two share it.

    Definition 2 of Hyndman & Fan (1996), "Sample quantiles in statistical packages",
    The American Statistician 50(4).
    """
    order = np.argsort(values)
    ranked = values[order]

    def finish(weights: Floats) -> Floats:
        cumulated = np.cumsum(weights, axis=1)
        half = cumulated[:, -1:] / 2
        lower = np.argmax(cumulated >= half * (1 - TIE), axis=1)
        upper = np.argmax(cumulated > half * (1 + TIE), axis=1)
        return np.where(half[:, 0] > 0, (ranked[lower] + ranked[upper]) / 2, np.nan)

    return Ranked(order, finish)


def area_under_roc(positive: Floats, scores: Floats) -> Ranked:
    """Return the chance that a positive row outscores a negative one; ties count half."""
    order, count, hits, misses = _falling(positive, scores)
    above = np.searchsorted(-hits, -misses, side="left")
    level = np.searchsorted(-hits, -misses, side="right")

    def finish(weights: Floats) -> Floats:
        found, negative = _cumulated(weights[:, :count]), weights[:, count:]
        outscored = np.take(found, above, axis=1) + np.take(found, level, axis=1)
        area = np.einsum("ij,ij->i", negative, outscored)
        return ratio(area, 2 * found[:, -1] * np.sum(negative, axis=1))

    return Ranked(order, finish)


def average_precision(positive: Floats, scores: Floats) -> Ranked:
    """Return the mean, over the positive rows, of the precision at their score."""
    order, count, hits, misses = _falling(positive, scores)
    level = np.searchsorted(-hits, -hits, side="right")
    false = np.searchsorted(-misses, -hits, side="right")

    def finish(weights: Floats) -> Floats:
        found, wrong = _cumulated(weights[:, :count]), _cumulated(weights[:, count:])
        true_rows = np.take(found, level, axis=1)
        called = true_rows + np.take(wrong, false, axis=1)
        precision = np.divide(true_rows, called, out=np.zeros_like(called), where=called > 0)
        return ratio(np.einsum("ij,ij->i", weights[:, :count], precision), found[:, -1])

    return Ranked(order, finish)


def _falling(positive: Floats, scores: Floats) -> tuple[Ints, int, Floats, Floats]:
    """Return the order of positive rows by falling score, then negative ones; and their scores.

    Kept apart, each class is cumulated once, and cumulating is what a replicate's time goes to.
    """
    order = np.lexsort((-scores, -positive))
    count = int(np.sum(positive))
    ranked = scores[order]
    return order, count, ranked[:count], ranked[count:]


def _cumulated(weights: Floats) -> Floats:
    """Return the cumulated weights of each row, from 0 on."""
    sums = np.zeros((weights.shape[0], weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums
