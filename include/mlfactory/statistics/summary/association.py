"""How a column goes with the label: sums of products that add up as labels come."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mlfactory.statistics.statistic import Floats, Ints
from mlfactory.statistics.summary.sorting import pieces

Kind = Literal["correlation", "share"]


@dataclass(frozen=True, eq=False)
class Told:
    """The label of each row, of one of two kinds.

    Attributes:
        values: (rows,) numbers, nan where the label is not known; empty for classes.
        codes: (rows,) the place of each row's class, -1 where it is not known.
        classes: their names; none for numbers.
    """

    values: Floats
    codes: Ints
    classes: tuple[str, ...] = ()

    def at(self, chosen: npt.NDArray[Any]) -> Told:
        """Return the labels of some rows, given by places or marks."""
        if self.classes:
            return Told(self.values, self.codes[chosen], self.classes)
        return Told(self.values[chosen], self.codes, self.classes)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Tell of each row whether its label is known."""
        return self.codes >= 0 if self.classes else ~np.isnan(self.values)


@dataclass(frozen=True)
class Moments:
    """How many numbers there are, their mean, and the sum of their squared distances from it."""

    rows: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of the numbers of both (Chan, Golub and LeVeque)."""
        rows = self.rows + other.rows
        if not self.rows or not other.rows:
            return self if self.rows else other
        apart = other.mean - self.mean
        return Moments(
            rows,
            self.mean + apart * other.rows / rows,
            self.squares + other.squares + apart * apart * self.rows / rows * other.rows,
        )

    @property
    def deviation(self) -> float:
        """Return the standard deviation, nan of fewer than two numbers."""
        return math.sqrt(self.squares / (self.rows - 1)) if self.rows > 1 else math.nan


@dataclass(frozen=True)
class Paired:
    """Numbers with the label as a number."""

    column: Moments
    label: Moments
    products: float = 0.0

    def __add__(self, other: Paired) -> Paired:
        """Return what both together say."""
        rows = self.column.rows + other.column.rows
        if not self.column.rows or not other.column.rows:
            return self if self.column.rows else other
        apart = (other.column.mean - self.column.mean) * (other.label.mean - self.label.mean)
        products = self.products + other.products
        products += apart * self.column.rows / rows * other.column.rows
        return Paired(self.column + other.column, self.label + other.label, products)

    @property
    def rows(self) -> int:
        """Return how many rows have both."""
        return self.column.rows

    @property
    def strength(self) -> float:
        """Return the correlation, nan where either has one value only."""
        spread = math.sqrt(self.column.squares) * math.sqrt(self.label.squares)
        return max(-1.0, min(1.0, self.products / spread)) if spread > 0 else math.nan


@dataclass(frozen=True)
class Grouped:
    """A number by groups: the label by category, or a column by the label's class.

    Attributes:
        groups: by name; None for those beyond the room.
    """

    groups: Mapping[str | None, Moments]

    def __add__(self, other: Grouped) -> Grouped:
        """Return what both together say."""
        summed = dict(self.groups)
        for name, moments in other.groups.items():
            summed[name] = summed.get(name, Moments()) + moments
        return Grouped(summed)

    @property
    def rows(self) -> int:
        """Return how many rows have both."""
        return sum(each.rows for each in self.groups.values())

    @property
    def strength(self) -> float:
        """Return the root of the share of the variance that the groups explain beyond chance."""
        whole = sum(self.groups.values(), Moments())
        within = sum(each.squares for each in self.groups.values())
        return _beyond_chance(within, whole.squares, whole.rows, len(self.groups))


@dataclass(frozen=True)
class Crossed:
    """A category with the label's class: rows by both."""

    counts: Mapping[str | None, Mapping[str, int]]

    def __add__(self, other: Crossed) -> Crossed:
        """Return what both together say."""
        summed = {name: dict(row) for name, row in self.counts.items()}
        for name, row in other.counts.items():
            own = summed.setdefault(name, {})
            for label, count in row.items():
                own[label] = own.get(label, 0) + count
        return Crossed(summed)

    @property
    def rows(self) -> int:
        """Return how many rows have both."""
        return sum(sum(row.values()) for row in self.counts.values())

    @property
    def strength(self) -> float:
        """Return the root of Goodman's and Kruskal's tau beyond chance."""
        rows = self.rows
        totals: dict[str, int] = {}
        left = 0.0
        for row in self.counts.values():
            own = sum(row.values())
            left += own - sum(count * count for count in row.values()) / max(own, 1)
            for label, count in row.items():
                totals[label] = totals.get(label, 0) + count
        whole = rows - sum(count * count for count in totals.values()) / max(rows, 1)
        return _beyond_chance(left, whole, rows, len(self.counts))


Association = Paired | Grouped | Crossed


def added(one: Association | None, other: Association | None) -> Association | None:
    """Return what two associations of a column together say; one of another kind does not count."""
    if one is None or other is None:
        return one or other
    if isinstance(one, Paired) and isinstance(other, Paired):
        return one + other
    if isinstance(one, Grouped) and isinstance(other, Grouped):
        return one + other
    if isinstance(one, Crossed) and isinstance(other, Crossed):
        return one + other
    return one


def with_numbers(values: Floats, told: Told) -> Association:
    """Return how finite numbers go with the labels of their rows."""
    if told.classes:
        known = told.known
        if not known.all():
            values, told = values[known], told.at(known)
        return Grouped(_by_group(told.codes, told.classes, values))
    both = zip(pieces(values), pieces(told.values), strict=True)
    return sum((_paired(*each) for each in both), Paired(Moments(), Moments()))


def with_categories(codes: Ints, names: tuple[str | None, ...], told: Told) -> Association:
    """Return how categories go with the labels of their rows.

    Args:
        codes: (rows,) the place of each row's category in `names`.
    """
    known = told.known
    if not known.all():
        codes, told = codes[known], told.at(known)
    if not told.classes:
        return Grouped(_by_group(codes, names, told.values))
    flat = np.bincount(codes * len(told.classes) + told.codes, minlength=len(names))
    flat = np.append(flat, np.zeros(len(names) * len(told.classes) - len(flat), flat.dtype))
    table = flat.reshape(len(names), len(told.classes))
    return Crossed(
        {
            name: {each: int(n) for each, n in zip(told.classes, row, strict=True) if n}
            for name, row in zip(names, table, strict=True)
            if row.any()
        }
    )


def among(association: Association, names: Collection[str]) -> Association:
    """Return how a category goes with the label, all but some of its values being one."""
    if isinstance(association, Grouped):
        groups: dict[str | None, Moments] = {}
        for name, moments in association.groups.items():
            kept = name if name in names else None
            groups[kept] = groups.get(kept, Moments()) + moments
        return Grouped(groups)
    if isinstance(association, Crossed):
        counts: dict[str | None, dict[str, int]] = {}
        for name, row in association.counts.items():
            own = counts.setdefault(name if name in names else None, {})
            for label, count in row.items():
                own[label] = own.get(label, 0) + count
        return Crossed(counts)
    return association


def moments_of(values: Floats, counts: npt.NDArray[np.int64] | None = None) -> Moments:
    """Return the moments of finite numbers.

    Args:
        counts: (rows,) how often each is there; once by default.
    """
    if counts is None:
        return sum(map(_moments_of_piece, pieces(values)), Moments())
    rows = int(counts.sum())
    if not rows:
        return Moments()
    with np.errstate(all="ignore"):
        mean = _summed(values * counts) / rows
        return Moments(rows, mean, _summed((values - mean) ** 2 * counts))


def _moments_of_piece(values: Floats) -> Moments:
    with np.errstate(all="ignore"):
        mean = float(values.mean())
        return Moments(len(values), mean, _summed((values - mean) ** 2))


def _paired(values: Floats, labels: Floats) -> Paired:
    known = ~np.isnan(labels)
    if not known.all():
        values, labels = values[known], labels[known]
    if not len(values):
        return Paired(Moments(), Moments())
    with np.errstate(all="ignore"):
        column, label = values - values.mean(), labels - labels.mean()
        rows = len(values)
        return Paired(
            Moments(rows, float(values.mean()), _summed(column * column)),
            Moments(rows, float(labels.mean()), _summed(label * label)),
            _summed(column * label),
        )


def _summed(products: Floats) -> float:
    # not numpy.dot: so short a product is given to all cores, which wait for each other
    return float(products.sum())


def _by_group(codes: Ints, names: tuple[str | None, ...], values: Floats) -> dict[Any, Moments]:
    rows = np.bincount(codes, minlength=len(names))
    middle = float(values.mean()) if len(values) else 0.0
    with np.errstate(all="ignore"):
        apart = values - middle
        sums = np.bincount(codes, weights=apart, minlength=len(names))
        squares = np.bincount(codes, weights=apart * apart, minlength=len(names))
        means = sums / np.maximum(rows, 1)
        within = np.maximum(0, squares - rows * means**2)
    return {
        name: Moments(int(rows[at]), middle + float(means[at]), float(within[at]))
        for at, name in enumerate(names)
        if rows[at]
    }


def _beyond_chance(within: float, whole: float, rows: int, groups: int) -> float:
    """Return the root of an explained share, less what so many groups explain by chance."""
    if rows <= groups or not whole > 0:
        return math.nan
    return math.sqrt(max(0.0, 1 - (within / (rows - groups)) / (whole / (rows - 1))))
