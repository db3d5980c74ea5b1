"""How many distinct values there are, estimated from the smallest of their hashes.

Hashes are spread evenly: where the smallest `room` of them end tells how many there are in all. The
smallest of two sets are among the smallest of each, so estimates of parts add up to that of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.statistics.statistic import Floats
from mlfactory.statistics.summary.sorting import pieces, sorted_distinct

Hashes = npt.NDArray[np.uint64]

_ALL = 2.0**64


@dataclass(frozen=True, eq=False)
class Distinct:
    """The smallest hashes of values.

    Attributes:
        room: how many are kept; with more distinct values than that their number is estimated,
            with a standard error of a share of 1 / sqrt(room).
        hashes: increasing, each once.
    """

    room: int
    hashes: Hashes

    @property
    def exact(self) -> bool:
        """Tell whether the number is known, not estimated."""
        return len(self.hashes) < self.room

    @property
    def number(self) -> int:
        """Return how many distinct values there are, about."""
        if self.exact:
            return len(self.hashes)
        return round((self.room - 1) * _ALL / (float(self.hashes[-1]) + 1))

    def __add__(self, other: Distinct) -> Distinct:
        """Return what is known of the values of both."""
        room = min(self.room, other.room)
        both = sorted_distinct(np.concatenate([self.hashes, other.hashes]))
        return Distinct(room, both[:room])


def distinct_numbers(values: Floats, room: int) -> Distinct:
    """Return what is known of numbers, which may repeat."""
    found: Hashes = np.zeros(0, np.uint64)
    for piece in pieces(values):
        hashes = hashes_of_numbers(piece)
        if len(found) == room:
            hashes = hashes[hashes < found[-1]]
        if len(hashes):
            found = sorted_distinct(np.concatenate([found, hashes]))[:room]
    return Distinct(room, found)


def distinct_words(values: npt.NDArray[np.object_], room: int) -> Distinct:
    """Return what is known of words that are distinct already."""
    # the same on every machine
    hashes = pd.util.hash_array(values, categorize=False)
    if len(hashes) > room:
        hashes = np.partition(hashes, room)[: room + 1]
    return Distinct(room, sorted_distinct(hashes)[:room])


def hashes_of_numbers(values: Floats) -> Hashes:
    """Return a hash of each number: the mixing of splitmix64."""
    bits = (values + 0.0).view(np.uint64)
    with np.errstate(over="ignore"):
        bits = bits + np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: Hashes = bits ^ (bits >> np.uint64(31))
    return found
