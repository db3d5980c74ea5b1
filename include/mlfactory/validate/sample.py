"""A sample of bad rows, where there are too many to keep each: the same ones in every run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from mlfactory.lake.hashes import row_hashes
from mlfactory.lake.marks import Marks, Places

_STEP = 1 << 22
"""Places that are looked at together."""


def sampled(reasons: Mapping[str, Marks], bad: Marks, most: int) -> Marks:
    """Return some of the bad rows, chosen by a hash of their place, some of them for each reason.

    The hash is of the place, not of what is in the row: for that all bad rows would be read again.

    Args:
        reasons: the rows that are bad for each.
        most: how many rows are wanted, which are at least as many as reasons.
    """
    share = max(most // (2 * max(len(reasons), 1)), 1)
    found = Marks()
    # what few rows are bad for is chosen first, for half of the room is shared by all
    for marks in sorted(reasons.values(), key=len):
        found.add(_lowest(marks, share))
    rest = bad - found
    found.add(_lowest(rest, max(most - len(found), 0)))
    return found


def _lowest(marks: Marks, most: int) -> Places:
    """Return those of the marked places whose hash is the smallest."""
    places, hashes = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64)
    for start in range(0, marks.end, _STEP):
        here = marks.within(start, start + _STEP)
        hashed = row_hashes(pa.table({"place": here}), ["place"])
        places, hashes = np.concatenate([places, here]), np.concatenate([hashes, hashed])
        if len(places) > most:
            chosen = np.argpartition(hashes, most)[:most]
            places, hashes = places[chosen], hashes[chosen]
    return places
