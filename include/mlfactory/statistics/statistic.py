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
    undefined = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0)


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
    order, cumulate = _descending(positive, scores)

    def finish(weights: Floats) -> Floats:
        positives, rows = cumulate(weights)
        negatives = rows - positives
        area = np.einsum(
            "ij,ij->i", np.diff(negatives, axis=1), positives[:, 1:] + positives[:, :-1]
        )
        return ratio(area, 2 * positives[:, -1] * negatives[:, -1])

    return Ranked(order, finish)


def average_precision(positive: Floats, scores: Floats) -> Ranked:
    """Return precision averaged over the positive rows, without interpolation."""
    order, cumulate = _descending(positive, scores)

    def finish(weights: Floats) -> Floats:
        positives, rows = cumulate(weights)
        found = np.diff(positives, axis=1)
        precision = np.divide(
            positives[:, 1:], rows[:, 1:], out=np.zeros_like(found), where=rows[:, 1:] > 0
        )
        return ratio(np.einsum("ij,ij->i", found, precision), positives[:, -1])

    return Ranked(order, finish)


def _descending(
    positive: Floats, scores: Floats
) -> tuple[Ints, Callable[[Floats], tuple[Floats, Floats]]]:
    """Return the order of falling scores, and what cumulates weights down to each threshold.

    The cumulated weights of positive rows and of all rows are both (replicates, thresholds + 1)
    and start with 0; rows of equal score share one threshold.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], positive[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)

    def cumulate(weights: Floats) -> tuple[Floats, Floats]:
        return _stepped(weights * hits), _stepped(weights)

    def _stepped(weights: Floats) -> Floats:
        steps = np.zeros((len(weights), len(ends) + 1))
        if len(ends) == len(ranked):
            np.cumsum(weights, axis=1, out=steps[:, 1:])
        else:
            np.take(np.cumsum(weights, axis=1), ends, axis=1, out=steps[:, 1:])
        return steps

    return order, cumulate
