"""How many rows are usual, by how many there were: a band around the median of their logarithms.

Median and median absolute deviation are the history's, so that one odd day in it moves neither far.
How many deviations wide the band is was found by simulation for each length of history: of counts
that vary by a factor, independently, 1 in 100 lies outside by chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST, MOST = 8, 12
"""Counts below which nothing is said, and above which older ones are not asked for."""

_WIDTH: Mapping[int, float] = {8: 5.9, 9: 5.8, 10: 5.0, 11: 4.9, 12: 4.4}
"""Deviations on each side, by the number of counts: 99% quantiles of 400,000 samples."""

_NORMAL = 1.4826
"""Standard deviations of normal values that their median absolute deviation is multiplied for."""

_LEAST = 0.05
"""A spread that is never fallen below, as a share: counts that were all alike must not bind."""


@dataclass(frozen=True)
class Band:
    """From which to which number of rows is usual, both included."""

    low: int
    high: int


def usual_count(counts: Sequence[int]) -> Band | None:
    """Return the band for the next count, None of too few.

    Args:
        counts: of the partitions like it, the newest first; at most `MOST` of them are looked at.
    """
    if len(counts) < FEWEST:
        return None
    logs = np.log1p(np.asarray(counts[:MOST], dtype=np.float64))
    middle = float(np.median(logs))
    spread = _NORMAL * float(np.median(np.abs(logs - middle)))
    # what comes by chance, one after the other, varies by its root
    least = math.sqrt(_LEAST**2 + math.exp(-middle))
    room = _WIDTH[len(logs)] * max(spread, least)
    return Band(
        math.floor(math.expm1(max(middle - room, 0.0))), math.ceil(math.expm1(middle + room))
    )
