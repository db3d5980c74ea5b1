"""How much of a figure is chance, where rows share their day, their customer or nothing at all.

A figure is nearly a sum of one influence a row. The influences of a day are summed, and the days
of a hold-out are a short series whose memory is not known: some of what a day brought, the next
one has too. What such a series does over its whole length, to which its mean belongs, is seen in
its slowest waves: the variance of the mean is taken as the mean square of its projections on the
lowest cosines, as many as there are times `A_COSINE` days. The figure's error then is a t
distribution with that many degrees of freedom (Müller 2007, "A theory of robust long-run variance
estimation", Journal of Econometrics 141; Lazarus, Lewis, Stock & Watson 2018, "HAR inference:
recommendations for practice", Journal of Business & Economic Statistics 36(4)). A cycle shorter
than these waves, such as a week, is no part of it.

The error is reckoned for each value that the truth may have, not at the figure measured: a day
with most of the rows agrees with a mean that it alone has made, and says nothing of its own error.
Where days are of one size, both are the same. Of a figure of some rows only, such as a recall of
the rows whose label is 1, it is these rows that a day has many of.

Rows of one customer are summed likewise (Liang & Zeger 1986, Biometrika 73(1)), and where there
are customers and days, what customers have in common beyond the day is added (Cameron, Gelbach &
Miller 2011, "Robust inference with multiway clustering", same journal 29(2)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.fft import dct
from scipy.special import stdtr, stdtrit

from mlfactory.statistics.statistic import Floats, Ints

A_COSINE = 15
"""Days for each cosine: with a memory of 0.8 from day to day, equals pass at 7 % instead of 5."""

COSINES = 2
"""Cosines at least; with one alone, only the overwhelming were ever found."""

_STEEPNESS = 0.4
"""Power by which the error is stretched where days are too few for `COSINES`, so that equals with
a memory of 0.8 pass no more often than among many days; found by simulation, from 3 days on."""

ENOUGH = 10.0
"""Groups or rows (or days, were they of one size) with fewer of which nothing can be told."""

DAYS = 14
"""Days with fewer of which nothing can be told: what can be sure is overwhelming."""

_MOST = 1e9
"""Units beyond which nobody will wait."""


@dataclass(frozen=True, eq=False)
class Noise:
    """What chance does to a figure.

    Args:
        waves: (cosines,) error of the figure by each cosine (without days, by each group), were the
            truth what was measured.
        uneven: (cosines,) what is added to it for each unit by which the truth is lower.
        apart: variance that is added for customers who come back.
        freedom: degrees of freedom of the t distribution.
        units: how many days, groups or rows were summed.
        effective: how many of one size would tell as much.
        of_days: whether the units are days.
    """

    waves: Floats
    uneven: Floats
    apart: float
    freedom: float
    units: int
    effective: float
    of_days: bool = False

    @property
    def least(self) -> float:
        """Return below how many units of this kind nothing is ever told."""
        return DAYS if self.of_days else ENOUGH

    @property
    def tells(self) -> bool:
        """Tell whether there are units enough to know how large chance is."""
        known = bool(np.all(np.isfinite(self.waves)))
        return known and self.effective >= ENOUGH and self.units >= self.least

    @property
    def needed(self) -> float:
        """Return how many units of this kind it takes to tell."""
        alike = self.units * ENOUGH / self.effective if self.effective > 0 else 0.0
        return max(self.least, alike, float(self.units) if self.tells else 0.0)

    def beyond(self, distance: float) -> float:
        """Return the probability that chance alone makes a figure larger by `distance` or more.

        It is 1/2 for a distance of 0; nan where the size of chance is unknown.
        """
        error = float(np.sqrt(np.mean((self.waves + distance * self.uneven) ** 2) + self.apart))
        if not np.isfinite(error):
            return float("nan")
        if distance == 0 or error == 0:
            return 0.5 if distance == 0 else float(distance < 0)
        return float(stdtr(self.freedom, -distance / error))

    def reach(self, tail: float) -> float:
        """Return how far below the figure the truth can be, but for a probability of `tail`.

        It is inf where there is no such distance: a few days decide, and could be anything.

        Args:
            tail: below 1/2.
        """
        return self._reach(tail, 1.0)

    def reach_above(self, tail: float) -> float:
        """Return how far above the figure the truth can be, likewise."""
        return self._reach(tail, -1.0)

    def units_to_reach(self, distance: float, tail: float) -> float:
        """Return how many units like these would have a reach below `distance`; inf if too many."""
        if not np.all(np.isfinite(self.waves)):
            return float("inf")
        low, high = 1.0, 2.0 * self.units
        while not self._with(high).reach(tail) < distance:
            low, high = high, 2 * high
            if high > _MOST:
                return float("inf")
        while high - low > max(0.5, 0.001 * high):
            middle = (low + high) / 2
            enough = self._with(middle).reach(tail) < distance
            low, high = (low, middle) if enough else (middle, high)
        return max(float(np.ceil(high)), self.needed)

    def _reach(self, tail: float, way: float) -> float:
        """Solve distance = quantile * error(distance), as Fieller (1954) did for ratios."""
        square = float(stdtrit(self.freedom, tail)) ** 2
        bend = 1 - square * float(np.mean(self.uneven**2))
        slope = way * square * float(np.mean(self.waves * self.uneven))
        level = square * (float(np.mean(self.waves**2)) + self.apart)
        if not np.isfinite(level):
            return float("nan")
        if bend <= 0:
            return float("inf")
        return float((slope + np.sqrt(slope**2 + bend * level)) / bend)

    def _with(self, units: float) -> Noise:
        """Return what chance would do to as many units like these."""
        shrunk = np.sqrt(self.units / units)
        freedom = max(self.freedom * units / self.units, 1.0)
        if self.of_days:
            shrunk *= _stretch(units) / _stretch(self.units)
            freedom = self.freedom * _cosines(units) / _cosines(self.units)
        waves, uneven = self.waves * shrunk, self.uneven * shrunk
        return replace(
            self, waves=waves, uneven=uneven, apart=self.apart * shrunk**2, freedom=freedom
        )


def noise(
    influences: Floats,
    blocks: Ints | None,
    groups: Ints | None,
    made_of: Sequence[Floats] = (),
) -> Noise:
    """Tell what chance does to a figure.

    Args:
        influences: (rows,) by how much the figure changes for a change of each row's weight.
        blocks: (rows,) code of the day of each row, rising with time; None where rows have none.
        groups: (rows,) code of the customer (or other entity) of each row; None where rows are
            entities of their own.
        made_of: (rows,) weights each: the rows that the figure averages over, see
            `metrics.made_of`; the most uneven of them counts. By default all rows alike.
    """
    if not np.all(np.isfinite(influences)) or not len(influences):
        return _unknown(len(influences), of_days=blocks is not None)
    bases = list(made_of) or [np.ones(len(influences))]
    if blocks is None:
        return _of_groups(influences, groups, bases)
    found = _of_days(influences, blocks, bases)
    return found if groups is None else _with_groups(found, influences, blocks, groups, bases)


def _unknown(units: int, *, of_days: bool) -> Noise:
    return Noise(np.full(1, np.nan), np.zeros(1), 0.0, 1.0, units, float(units), of_days)


def _summed(influences: Floats, codes: Ints) -> Floats:
    _, places = np.unique(codes, return_inverse=True)
    return np.bincount(places, influences).astype(np.float64)


def _sizes(codes: Ints, bases: Sequence[Floats]) -> list[Floats]:
    """Return for each base (groups,) how many of its rows each group has."""
    return [_summed(base, codes) for base in bases]


def _alike(sizes: Sequence[Floats]) -> float:
    """Return how many groups of one size say as much (Kish 1965, "Survey sampling")."""
    return min(float(np.sum(size) ** 2 / np.sum(size**2)) for size in sizes)


def _most_uneven(waves: Sequence[Floats]) -> Floats:
    worst = max(waves, key=lambda one: float(np.sum(one**2)))
    # of groups of one size, what is left is rounding
    return np.where(np.abs(worst) < 1e-12, 0.0, worst)


def _of_groups(influences: Floats, groups: Ints | None, bases: Sequence[Floats]) -> Noise:
    sums = influences if groups is None else _summed(influences, groups)
    units = len(sums)
    if units < 2:
        return _unknown(units, of_days=False)
    if groups is None:
        error = np.sqrt(units / (units - 1) * np.sum(sums**2))
        return Noise(np.array([error]), np.zeros(1), 0.0, units - 1, units, float(units))
    sizes = _sizes(groups, bases)
    effective, scale = _alike(sizes), units / np.sqrt(units - 1)
    uneven = _most_uneven([scale * (size / np.sum(size) - 1 / units) for size in sizes])
    return Noise(scale * sums, uneven, 0.0, max(effective - 1, 1.0), units, effective)


def _cosines(days: float) -> int:
    return max(COSINES, int(days / A_COSINE))


def _stretch(days: float) -> float:
    """Return how much larger the error is taken where days are too few for all cosines."""
    return float(max(1.0, COSINES * A_COSINE / days) ** _STEEPNESS)


def _of_days(influences: Floats, blocks: Ints, bases: Sequence[Floats]) -> Noise:
    sums = _summed(influences, blocks)
    days, cosines = len(sums), _cosines(len(sums))
    if days <= cosines:
        return _unknown(days, of_days=True)

    def waves(series: Floats) -> Floats:
        slowest = dct(series, norm="ortho")[1 : cosines + 1]
        found: Floats = _stretch(days) * np.sqrt(days) * slowest
        return found

    sizes = _sizes(blocks, bases)
    uneven = _most_uneven([waves(size / np.sum(size)) for size in sizes])
    return Noise(waves(sums), uneven, 0.0, cosines, days, _alike(sizes), of_days=True)


def _with_groups(
    found: Noise, influences: Floats, blocks: Ints, groups: Ints, bases: Sequence[Floats]
) -> Noise:
    _, places = np.unique(np.stack([blocks, groups]), axis=1, return_inverse=True)
    together = float(np.sum(_summed(influences, groups) ** 2))
    apart = float(np.sum(np.bincount(places.ravel(), influences) ** 2))
    alike = _alike(_sizes(groups, bases))
    added = max(together - apart, 0.0)
    return replace(
        found,
        apart=added,
        freedom=_freedom_of_both(
            (float(np.mean(found.waves**2)), found.freedom), (added, max(alike - 1, 1.0))
        ),
        effective=min(found.effective, alike),
    )


def _freedom_of_both(*parts: tuple[float, float]) -> float:
    """Return the degrees of freedom of a sum of variances, given with their own.

    It is the geometric mean of Satterthwaite's (1946, Biometrics Bulletin 2(6)) and the fewest.
    Satterthwaite's alone believe that a part is small which a few cosines found small: at memory
    0.8 equals passed a gate of 5 % in 9 % of cases and one of 0.6 % in 2.7 %; with the fewest, in
    1 % and less where customers differ.
    """
    fewest, total = min(freedom for _, freedom in parts), sum(part for part, _ in parts)
    if not 0 < total < np.inf:
        return fewest
    alike = total**2 / sum(part**2 / freedom for part, freedom in parts)
    return float(np.sqrt(alike * fewest))
