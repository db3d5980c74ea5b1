"""Statistics of rows that can be computed again, fast, under many vectors of weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

STEP = 1e-6
"""Part of a sum by which it is nudged to see what it does."""

TIE = 1e-12
"""Relative difference below which two cumulated weights are one and the same."""


class Statistic(Protocol):
    """A number made from weighted rows."""

    def under(self, weights: Floats) -> Floats:
        """Return the value under each row of `weights` (replicates, rows); nan if undefined."""

    def influences(self) -> Floats:
        """Return (rows,) the derivative of the value by each row's weight, all weights being 1.

        They sum to 0, for to weigh all rows more changes nothing. nan where undefined.
        """


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide, with nan where the denominator is not positive."""
    quotient = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


@dataclass(frozen=True, eq=False)
class Additive:
    """A function of weighted sums over the rows.

    Args:
        columns: (rows, sums) what is summed.
        finish: takes the sums (replicates, sums), gives the values (replicates,).
    """

    columns: Floats
    finish: Callable[[Floats], Floats]

    def under(self, weights: Floats) -> Floats:
        """Return the value under each row of `weights` (replicates, rows)."""
        return self.finish(weights @ self.columns)

    def influences(self) -> Floats:
        """Return (rows,) the derivative of the value by each row's weight."""
        sums = self.columns.sum(axis=0)
        steps = STEP * np.abs(self.columns).sum(axis=0)
        nudges = np.diag(np.where(steps > 0, steps, 1.0))
        slopes = (self.finish(sums + nudges) - self.finish(sums - nudges)) / 2 / nudges.diagonal()
        # a sum of nothing, such as of a class that no row has, is never changed by a row
        found: Floats = self.columns @ np.where(steps > 0, slopes, 0.0)
        return found


@dataclass(frozen=True, eq=False)
class Ranked:
    """A function of the rows' order: sorted once, then only cumulated sums.

    Args:
        order: (rows,) the rows in sorted order.
        finish: takes the sorted rows' weights (replicates, rows), gives the values (replicates,).
        slope: gives the influences (rows,) of the sorted rows.
    """

    order: Ints
    finish: Callable[[Floats], Floats]
    slope: Callable[[], Floats]

    def under(self, weights: Floats) -> Floats:
        """Return the value under each row of `weights` (replicates, rows)."""
        return self.finish(np.take(weights, self.order, axis=1))

    def influences(self) -> Floats:
        """Return (rows,) the derivative of the value by each row's weight."""
        found = np.empty(len(self.order))
        found[self.order] = self.slope()
        return found


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

    def slope() -> Floats:
        # the influence of a quantile needs the density there (Hampel 1974, Journal of the
        # American Statistical Association 69); its width is that of Hall & Sheather (1988)
        rows = len(ranked)
        middle = float(finish(np.ones((1, rows)))[0]) if rows else np.nan
        width = rows ** (-1 / 3) / 2 if rows else np.nan
        low, high = np.quantile(ranked, [max(0.5 - width, 0), min(0.5 + width, 1)])
        side = np.sign(ranked - middle) / 2
        found: Floats = (side - side.mean()) * (high - low) / (2 * width * rows)
        return found

    return Ranked(order, finish, slope)


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

    def slope() -> Floats:
        misses_count = len(misses)
        if not count or not misses_count:
            return np.full(count + misses_count, np.nan)
        beaten = (above + level) / (2 * count)
        below = np.searchsorted(misses[::-1], hits, side="left")
        same = np.searchsorted(misses[::-1], hits, side="right")
        beats = (below + same) / (2 * misses_count)
        area = beats.mean()
        return np.append((beats - area) / count, (beaten - area) / misses_count)

    return Ranked(order, finish, slope)


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

    def slope() -> Floats:
        if not count:
            return np.full(len(order), np.nan)
        called = level + false
        precision = level / called
        # a row called positive raises or lowers the precision at every hit that scores no higher
        gained = _from_below(false / called**2)
        lost = _from_below(level / called**2)
        first = np.searchsorted(-hits, -hits, side="left")
        later = np.searchsorted(-hits, -misses, side="left")
        of_hits = precision - precision.mean() + gained[first]
        return np.append(of_hits, -lost[later]) / count

    return Ranked(order, finish, slope)


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


def _from_below(values: Floats) -> Floats:
    """Return the sum of each value and all after it; the last is that of none."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)
