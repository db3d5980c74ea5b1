"""Which values are the most frequent, with how often each was seen at least."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST = 60
"""Signs of a value that are kept; a longer one is told from its like by its digest."""


@dataclass(frozen=True)
class Frequent:
    """The most frequent values.

    Attributes:
        room: how many are kept.
        counts: how often each was seen at least, the most frequent first.
        lost: rows that any value, kept or not, may have had beyond that, at most.
    """

    room: int
    counts: Mapping[str, int] = field(default_factory=dict)
    lost: int = 0

    def __add__(self, other: Frequent) -> Frequent:
        """Return the most frequent values of both."""
        summed = dict(self.counts)
        for value, count in other.counts.items():
            summed[value] = summed.get(value, 0) + count
        return _kept(summed, min(self.room, other.room), self.lost + other.lost)

    def without_rare(self, least: int) -> Frequent:
        """Return this without values of fewer rows than `least`: they may tell of one person."""
        often = {value: count for value, count in self.counts.items() if count >= least}
        lost = self.lost if len(often) == len(self.counts) else max(self.lost, least - 1)
        return Frequent(self.room, often, lost)


def frequent_of(counts: Mapping[str, int], room: int, lost: int = 0) -> Frequent:
    """Return the most frequent of values that were counted.

    Args:
        lost: rows of each value that is not among them, at most.
    """
    summed: dict[str, int] = {}
    for value, count in counts.items():
        name = shortened(value)
        summed[name] = summed.get(name, 0) + count
    return _kept(summed, room, lost)


def shortened(value: str) -> str:
    """Return a value in as many signs as are kept, the same for the same value only."""
    if len(value) <= LONGEST:
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{value[: LONGEST - 10]}… {digest[:8]}"


def _kept(counts: Mapping[str, int], room: int, lost: int) -> Frequent:
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    beyond = ranked[room:]
    return Frequent(room, dict(ranked[:room]), lost + (beyond[0][1] if beyond else 0))
