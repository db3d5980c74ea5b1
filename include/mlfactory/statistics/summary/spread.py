"""How numbers are spread: counted into bins that are the same for every batch and partition.

A bin holds the numbers that begin with the same bits, sign and exponent first: how many bits is the
most that gives no more bins than there is room for. So the bins of two counts are the same but for
their width, the wider contain the narrower whole, and what a sum says is what a count of all rows
together would say, whatever the order. Few distinct values have a bin each, and are known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlfactory.statistics.statistic import Floats
from mlfactory.statistics.summary.sorting import pieces, sorted_distinct

Keys = npt.NDArray[np.int64]

_MANTISSA = np.int64(0x7FFF_FFFF_FFFF_FFFF)
_SIGN_BIT = 63
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFF_FFFF)
_PROBE = 2048
"""Numbers that are looked at first: the bins of all are at least as wide as those of a part."""
_NEAR = 4


@dataclass(frozen=True, eq=False)
class Spread:
    """Finite numbers counted by their first bits.

    Attributes:
        room: bins there are at most.
        shift: how many bits, the last ones, are not looked at.
        keys: (bins,) the first bits of each bin's numbers, increasing as the numbers do.
        counts: (bins,) rows.
    """

    room: int
    shift: int
    keys: Keys
    counts: Keys

    @property
    def rows(self) -> int:
        """Return how many numbers were counted."""
        return int(self.counts.sum())

    def __add__(self, other: Spread) -> Spread:
        """Return the spread of the numbers of both."""
        shift = max(self.shift, other.shift)
        keys = np.concatenate([self.keys_at(shift), other.keys_at(shift)])
        return _narrowed(
            min(self.room, other.room), shift, keys, np.concatenate([self.counts, other.counts])
        )

    def keys_at(self, shift: int) -> Keys:
        """Return the keys of the wider bins that these lie in."""
        found: Keys = self.keys >> np.int64(shift - self.shift)
        return found

    def within(self, room: int) -> Spread:
        """Return the same numbers in no more bins than `room`."""
        return _narrowed(room, self.shift, self.keys, self.counts)

    def ends(self, low: float, high: float) -> tuple[Floats, Floats]:
        """Return the least and the greatest number that each bin may hold.

        Args:
            low: the least of all numbers, high the greatest.
        """
        return bin_ends(self.keys, self.shift, low, high)

    def quantiles(self, shares: npt.ArrayLike, low: float, high: float) -> Floats:
        """Return the numbers below which such shares of the rows lie, nan where there are none.

        Exact where every distinct value has a bin, else within the bin that holds the number.

        Args:
            shares: (quantiles,) from 0 to 1.
            low: the least of all numbers, high the greatest.
        """
        wanted = np.asarray(shares, dtype=np.float64)
        if not len(self.keys):
            return np.full(wanted.shape, np.nan)
        lows, highs = self.ends(low, high)
        summed = np.cumsum(self.counts)
        target = wanted * summed[-1]
        at = np.minimum(np.searchsorted(summed, target, side="left"), len(summed) - 1)
        within = (target - (summed[at] - self.counts[at])) / self.counts[at]
        found: Floats = lows[at] + np.clip(within, 0, 1) * (highs[at] - lows[at])
        return np.clip(found, low, high)


def spread_of(values: Floats, room: int, counts: Keys | None = None) -> Spread:
    """Count finite numbers.

    Args:
        values: (rows,) numbers.
        room: bins there may be.
        counts: (rows,) how often each is there; once by default.
    """
    if counts is not None:
        return _narrowed(room, 0, _keys(values), counts)
    probe = sorted_distinct(_keys(values[:: max(1, len(values) // _PROBE)]))
    shift = _shift(probe, room, 0)
    found = [_counted(_keys(piece) >> np.int64(shift)) for piece in pieces(values)]
    none = np.zeros(0, np.int64)
    keys = np.concatenate([none, *(each for each, _ in found)])
    return _narrowed(room, shift, keys, np.concatenate([none, *(each for _, each in found)]))


def bin_ends(keys: Keys, shift: int, low: float, high: float) -> tuple[Floats, Floats]:
    """Return the least and the greatest number of bins, none of them beyond `low` and `high`."""
    least, most = _keys(np.array([low, high]))
    first = keys << np.int64(shift)
    last = first | np.int64((1 << shift) - 1) if shift < _SIGN_BIT else np.where(keys < 0, -1, most)
    return _numbers(np.clip(first, least, most)), _numbers(np.clip(last, least, most))


def _keys(values: Floats) -> Keys:
    """Return the bits of numbers as whole numbers that increase as they do."""
    # nothing added to the zero below zero makes it the zero
    bits = (values.astype(np.float64, copy=False) + 0.0).view(np.int64)
    return bits ^ ((bits >> np.int64(_SIGN_BIT)) & _MANTISSA)


def _numbers(keys: Keys) -> Floats:
    bits = keys ^ ((keys >> np.int64(_SIGN_BIT)) & _MANTISSA)
    return np.ascontiguousarray(bits).view(np.float64)


def _narrowed(room: int, shift: int, keys: Keys, counts: Keys) -> Spread:
    """Return the spread of what was counted by some keys, in any order, within the room."""
    distinct, counts = _summed(keys, counts)
    wider = _shift(distinct, room, 0)
    if wider:
        distinct, counts = _summed(distinct >> np.int64(wider), counts)
    return Spread(room, shift + wider, distinct, counts)


def _summed(keys: Keys, counts: Keys) -> tuple[Keys, Keys]:
    if not len(keys):
        return keys.astype(np.int64), counts.astype(np.int64)
    order = np.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return keys[first], np.add.reduceat(counts, first)


def _counted(keys: Keys) -> tuple[Keys, Keys]:
    least, most = int(keys.min()), int(keys.max())
    if most - least < _NEAR * len(keys):
        # where keys lie near each other their places tell them apart, which costs a fraction
        counts = np.bincount(keys - least, minlength=most - least + 1)
        there = np.flatnonzero(counts)
        return there + least, counts[there]
    found = pa.array(keys).value_counts()
    return found.field("values").to_numpy(), found.field("counts").to_numpy()


def _shift(distinct: Keys, room: int, least: int) -> int:
    """Return how many last bits must go for no more than `room` of increasing keys to be left."""
    if len(distinct) <= room:
        return least
    differing = (distinct[1:] ^ distinct[:-1]).view(np.uint64)
    # two neighbours fall together when all bits have gone up to the highest in which they differ
    high = np.frexp((differing >> _HALF).astype(np.float64))[1]
    low = np.frexp((differing & _LOW).astype(np.float64))[1]
    lengths = np.where(high > 0, high + int(_HALF), low)
    return max(least, int(np.partition(lengths, len(lengths) - room)[len(lengths) - room]))
