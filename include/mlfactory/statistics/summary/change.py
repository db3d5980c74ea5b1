"""Whether a column is other than it was in the partitions before, and how far.

How far a partition is from the others is one distance between shares of rows, the one of drift: the
largest gap of cumulated shares of numbers, the share of rows that would have to change of
categories; missing values are one more bin. It is measured from the median of the other
partitions, so that one odd month among them moves nothing. A column is called changed where its
newest partition is farther from the others than any of them is: had nothing changed, each of n + 1
partitions would be the farthest once in n + 1 times. One of few rows is far from the others by
chance alone; they are held against it as if they had as few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlfactory.statistics.histograms import distance
from mlfactory.statistics.statistic import Floats
from mlfactory.statistics.summary.columns import Column
from mlfactory.statistics.summary.spread import Keys, bin_ends

State = Literal["changed", "usual", "few", "new", "gone", "retyped", "silent"]

FEWEST = 4
"""Partitions before it, below which nothing is called changed."""

LEAST_EFFECT = 0.05
"""A column that is less far from the others is as usual, however near those are to each other."""

_MOST_BY_CHANCE = 1.63
"""Kolmogorov's distance of samples times the root of their rows, which is less 99 times in 100."""

_LEVELS = 40
_SEVERAL = 2


@dataclass(frozen=True)
class Change:
    """What became of a column.

    Attributes:
        effect: the distance of the newest partition from the median of the others, 0 to 1; nan
            where nothing is compared.
        usual: the largest such distance of the partitions before, had they no more rows than the
            newest.
        missing: whether it is the missing values that changed most.
    """

    state: State
    effect: float = float("nan")
    usual: float = float("nan")
    missing: bool = False


@dataclass(frozen=True, eq=False)
class Shares:
    """The rows of partitions by bin.

    Attributes:
        ordered: whether the bins but the last have an order.
        table: (partitions, bins) shares of rows, 0 where there are no rows; the last bin has what
            is missing or not finite.
        names: of categories, that of each bin but the last two; those have the others and what
            is missing.
        lows: of numbers, the least that each bin may hold; likewise `highs`.
    """

    ordered: bool
    table: Floats
    names: tuple[str, ...] = ()
    lows: Floats | None = None
    highs: Floats | None = None


def change_of(columns: Sequence[Column | None]) -> tuple[Change, Shares | None]:
    """Compare a column in its newest partition, the last, with those before it.

    Args:
        columns: its summary by partition, oldest first; None where it was not there.
    """
    *before, now = columns
    known = [each for each in before if each is not None and each.rows]
    if now is None:
        return Change("gone"), None
    if before and not known:
        return Change("new"), None
    shares = shares_of([*known, now])
    if shares is None:
        same = all(each.kind == now.kind or not each.present for each in known)
        return Change("silent" if same or not now.present else "retyped"), None
    if not known or not now.rows:
        return Change("few" if now.rows else "silent"), shares
    apart = distances(shares)
    # where nothing differs a sum of differences may be the zero below zero
    effect = abs(float(apart[-1]))
    usual = _usual(shares, apart, np.array([each.rows for each in (*known, now)], dtype=float))
    typical = np.median(shares.table[:-1], axis=0)
    moved = np.abs(shares.table[-1] - typical)
    by_missing = bool(moved[-1] > 0 and moved[-1] >= effect / 2)
    state: State = "usual"
    if len(known) < FEWEST:
        state = "few"
    elif effect > usual and effect >= LEAST_EFFECT:
        state = "changed"
    return Change(state, effect, usual, by_missing), shares


def _usual(shares: Shares, apart: Floats, rows: Floats) -> float:
    """Return how far the partitions before would be from the others with the newest one's rows.

    Chance grows as rows get fewer, and of a distance no more is chance than `_MOST_BY_CHANCE`
    allows: what is beyond is what the partition is like, however many rows it has. Those with
    fewer rows than the newest are taken as they are.

    Args:
        apart: (partitions,) what `distances` returns, the newest last.
        rows: (partitions,) rows of each.
    """
    # of a partition, and of the median of all others
    roots = np.sqrt(rows)
    chance = np.sqrt(1 / rows + np.pi / 2 / (roots.sum() - roots) ** 2)
    most = _MOST_BY_CHANCE
    if not shares.ordered:
        # each category adds to what lies between two samples
        typical = np.median(shares.table, axis=0)
        most += float(np.sqrt(typical * (1 - typical) / (2 * np.pi)).sum())
    by_chance = np.minimum(apart[:-1] / chance[:-1], most)
    fewer = np.maximum(chance[-1] ** 2 - chance[:-1] ** 2, 0.0)
    return float(np.sqrt(apart[:-1] ** 2 + by_chance**2 * fewer).max())


def shares_of(columns: Sequence[Column]) -> Shares | None:
    """Return the rows of partitions by bin, None where they have nothing to be compared by."""
    filled = [each for each in columns if each.present]
    if any(each.hidden for each in columns):
        return None
    if filled and all(each.kind == "number" for each in filled):
        return _of_numbers(columns)
    if filled and all(each.kind == "text" for each in filled):
        return _of_text(columns)
    return None


def distances(shares: Shares) -> Floats:
    """Return (partitions,) how far each is from the median of the others; at least two."""
    curves = np.cumsum(shares.table, axis=1) if shares.ordered else shares.table
    apart = curves - median_of_others(curves)
    if shares.ordered:
        apart = np.diff(apart, axis=1, prepend=0.0)
    return distance(apart, ordered=shares.ordered)


def median_of_others(rows: Floats) -> Floats:
    """Return (rows, columns) of each row the median of all the others, column by column."""
    count = len(rows)
    order = np.argsort(rows, axis=0, kind="stable")
    ranked = np.take_along_axis(rows, order, axis=0)
    rank = np.argsort(order, axis=0, kind="stable")

    def without_own(place: int) -> Floats:
        found: Floats = np.where(rank > place, ranked[place], ranked[min(place + 1, count - 1)])
        return found

    upper = (count - 1) // 2
    if (count - 1) % 2:
        return without_own(upper)
    middle: Floats = (without_own(upper - 1) + without_own(upper)) / 2
    return middle


def _of_numbers(columns: Sequence[Column]) -> Shares:
    spreads = [each.spread for each in columns]
    shift = max((each.shift for each in spreads if each is not None), default=0)
    keys = [np.zeros(0, np.int64) if each is None else each.keys_at(shift) for each in spreads]
    union: Keys = np.unique(np.concatenate(keys))
    table = np.zeros((len(columns), len(union) + 1))
    for row, column, spread, own in zip(table, columns, spreads, keys, strict=True):
        if spread is not None:
            np.add.at(row, np.searchsorted(union, own), spread.counts)
        row[-1] = column.missing + column.infinite
        row /= max(column.rows, 1)
    low = min(each.low for each in columns)
    high = max(each.high for each in columns)
    lows, highs = bin_ends(union, shift, low, high) if len(union) else (np.zeros(0), np.zeros(0))
    return Shares(True, table, lows=lows, highs=highs)


def _of_text(columns: Sequence[Column]) -> Shares:
    found: dict[str, float] = {}
    for column in columns:
        for name, count in column.frequent.counts.items() if column.frequent else ():
            found[name] = found.get(name, 0.0) + count / max(column.rows, 1)
    names = tuple(sorted(found, key=lambda name: (-found[name], name))[:_LEVELS])
    place = {name: at for at, name in enumerate(names)}
    table = np.zeros((len(columns), len(names) + _SEVERAL))
    for row, column in zip(table, columns, strict=True):
        for name, count in column.frequent.counts.items() if column.frequent else ():
            if name in place:
                row[place[name]] = count
        row[-2] = column.present - row.sum()
        row[-1] = column.missing
        row /= max(column.rows, 1)
    return Shares(False, table, names)
