"""Of which partition a row without a time may be: the rules of `within`, on arrays of times."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.product.partitions import Partition

Moments = npt.NDArray[np.int64]
"""Microseconds since 1970, in UTC."""

Bounds = tuple[int, int]
"""Start and end of a partition, in microseconds since 1970."""

Codes = npt.NDArray[np.uint8]
"""Of each row that may be of the partition, why: of the following any."""

ASCENDING, DESCENDING, NEAR, DATED = 1, 2, 4, 8
"""If the file ascends in time; if it descends; as a neighbour is of the partition; the row is."""

CODES = 16

FIRST, LAST = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)
"""What stands for the time of the row before the first that has one, and after the last."""

_WHOLE = 0.5
"""So many rows without a time, for each row that a partition usually has, are no strays."""

_STRAGGLERS = 0.2
"""So many steps against the order of time, for each row of a partition, are but rows that came
late; more, and the file is in no order."""


def bounds_of(partition: Partition) -> Bounds:
    """Return start and end of a partition."""
    both = pa.array([partition.start, partition.end], pa.timestamp("us", "UTC"))
    start, end = both.cast(pa.int64()).to_pylist()
    return start, end


def moments_of(times: pa.ChunkedArray) -> Moments:
    """Return times, of which none is missing, as numbers."""
    found: Moments = pc.cast(times, pa.int64()).to_numpy()
    return found


def zones(moments: Moments, bounds: Bounds) -> npt.NDArray[np.int8]:
    """Return 0, 1 or 2 as a time lies before, in or after the partition."""
    start, end = bounds
    return (moments >= start).astype(np.int8) + (moments >= end).astype(np.int8)


def codes_between(earlier: Moments, later: Moments, bounds: Bounds) -> Codes:
    """Return the codes of rows between two times; without a time before or after, its end."""
    start, end = bounds
    before = np.where(earlier == FIRST, later, earlier)
    near = zones(before, bounds) == 1
    up = (earlier <= later) & (earlier < end) & (later >= start)
    # where time goes back, what comes first is newest
    high = np.where(earlier == FIRST, LAST, earlier)
    low = np.where(later == LAST, FIRST, later)
    down = (low <= high) & (low < end) & (high >= start)
    found: Codes = (near * NEAR + up * ASCENDING + down * DESCENDING).astype(np.uint8)
    return found


def allowed_codes(counts: npt.NDArray[np.int64], steps: tuple[int, int], inside: int) -> int:
    """Return the codes of the rows to keep.

    Args:
        counts: how many rows have which code.
        steps: how often times went on to a later zone, and back to an earlier one.
        inside: how many times lie in the partition.
    """
    between = int(counts[1:4].sum())
    on, back = steps
    allowed = DATED | NEAR
    if min(on, back) <= _STRAGGLERS * (inside + between):
        allowed |= ASCENDING if on >= back else DESCENDING
    return allowed


def counted(counts: npt.NDArray[np.int64], allowed: int) -> int:
    """Return how many rows have one of the codes."""
    return int(sum(n for code, n in enumerate(counts) if code & allowed))


def usual_rows(dated: int, ends: tuple[int, int], bounds: Bounds) -> float:
    """Return how many rows with a time a partition has, on average from first to last."""
    (start, end), (first, last) = bounds, ends
    return dated / (1 + (last - first) // (end - start)) if dated else 0.0


def are_strays(undated: int, inside: int, usual: float) -> bool:
    """Tell whether rows without a time are but strays of a partition that has no others."""
    return not inside and undated < _WHOLE * usual
