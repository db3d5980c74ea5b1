"""Places of rows, a bit for each: the rows that break a rule, of however many."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]

_STEP = 1 << 20
"""Places that are looked at together; a multiple of eight."""

_SPARSE = 64
"""Where fewer than one in so many places are marked, each is marked by itself."""


class Marks(Collection[int]):
    """Marked places from 0 on. They take an eighth of a byte for each place up to the last one."""

    def __init__(self, places: Iterable[int] = ()) -> None:
        self._bits = np.zeros(0, dtype=np.uint8)
        self.add(np.fromiter(places, dtype=np.int64))

    def add(self, places: Places) -> None:
        """Mark more places."""
        if not len(places):
            return
        lacking = int(places.max()) // 8 + 1 - len(self._bits)
        if lacking > 0:
            # grown by a share of what is there, so that many additions cost no more than one
            room = max(lacking, len(self._bits) // 4)
            self._bits = np.concatenate([self._bits, np.zeros(room, dtype=np.uint8)])
        first = int(places.min()) // 8
        span = int(places.max()) + 1 - first * 8
        if span > _SPARSE * len(places):
            which = np.left_shift(1, places & 7).astype(np.uint8)
            np.bitwise_or.at(self._bits, places >> 3, which)
            return
        marked = np.zeros(span, dtype=np.bool_)
        marked[places - first * 8] = True
        packed = np.packbits(marked, bitorder="little")
        self._bits[first : first + len(packed)] |= packed

    @property
    def end(self) -> int:
        """Return a place that lies behind every marked one."""
        return len(self._bits) * 8

    def within(self, start: int, stop: int) -> Places:
        """Return the marked places from `start` up to `stop`, which is not one of them, sorted."""
        first = start // 8
        bits = np.unpackbits(self._bits[first : (stop + 7) // 8], bitorder="little")
        places = np.flatnonzero(bits) + first * 8
        return places[(places >= start) & (places < stop)]

    def of(self, places: Places) -> npt.NDArray[np.bool_]:
        """Tell of each place whether it is marked."""
        known = places < len(self._bits) * 8
        found = np.zeros(len(places), dtype=np.bool_)
        inside = places[known]
        found[known] = (self._bits[inside >> 3] >> (inside & 7).astype(np.uint8)) & 1
        return found

    def __or__(self, other: Marks) -> Marks:
        """Return the places that are marked here or there."""
        both = Marks()
        short, long = sorted((self._bits, other._bits), key=len)
        both._bits = long.copy()
        both._bits[: len(short)] |= short
        return both

    def __sub__(self, other: Marks) -> Marks:
        """Return the places that are marked here and not there."""
        left = Marks()
        left._bits = self._bits.copy()
        both = min(len(left._bits), len(other._bits))
        left._bits[:both] &= ~other._bits[:both]
        return left

    def __and__(self, other: Marks) -> Marks:
        """Return the places that are marked here and there."""
        both = Marks()
        length = min(len(self._bits), len(other._bits))
        both._bits = self._bits[:length] & other._bits[:length]
        return both

    def __contains__(self, place: object) -> bool:
        """Tell whether a place is marked."""
        return isinstance(place, int) and bool(self.of(np.array([place]))[0])

    def __iter__(self) -> Iterator[int]:
        """Yield the places, sorted."""
        for start in range(0, len(self._bits) * 8, _STEP):
            yield from self.within(start, start + _STEP).tolist()

    def __len__(self) -> int:
        """Return how many places are marked."""
        return int(np.bitwise_count(self._bits).sum())
