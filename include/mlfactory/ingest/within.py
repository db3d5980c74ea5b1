"""The rows of a partition among those of a source, and the rows that may be of it.

A row whose time cannot be read was received, and is no one else's. In a file of all partitions it
lies between two rows that have a time, and may be of any partition from the one's to the other's;
in what holds one partition only, it is of that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.times import as_times
from mlfactory.product.partitions import Partition

Moments = npt.NDArray[np.int64]
"""Microseconds since 1970, in UTC."""

_FIRST, _LAST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True)
class Within:
    """The rows of a partition, in the order of their source.

    Attributes:
        seen: how many rows the source gave in all.
        unreadable: how many of those have no time that can be read.
        undated: how many of `rows` have none.
        example: the first time that cannot be read, as it was given.
    """

    rows: pa.Table
    seen: int
    unreadable: int = 0
    undated: int = 0
    example: str = ""


def rows_within(
    tables: Iterable[pa.Table],
    schema: pa.Schema,
    column: str | None,
    partition: Partition,
    *,
    spelling: str | None = None,
    of_one: bool = False,
) -> Within:
    """Return the rows of `partition`, and with them those that may be of it.

    Args:
        tables: the rows of the source, piece by piece, in its order.
        schema: of the tables, for when there are none.
        column: with the event times; without one, every row is of the partition.
        spelling: how text writes a time, as strptime has it.
        of_one: the source gave this partition only, so that a row without a time is of it.
    """
    picker = _Picker(column, partition, spelling, of_one)
    for table in tables:
        picker.take(table)
    picker.settle(_LAST)
    rows = pa.concat_tables(picker.kept) if picker.kept else schema.empty_table()
    return Within(
        rows.combine_chunks(), picker.seen, picker.unreadable, picker.undated, picker.example
    )


@dataclass
class _Picker:
    """What was picked so far; `waiting` are undated rows since the last time that was read."""

    column: str | None
    partition: Partition
    spelling: str | None
    of_one: bool
    kept: list[pa.Table] = field(default_factory=list)
    waiting: list[pa.Table] = field(default_factory=list)
    before: int = _FIRST
    seen: int = 0
    unreadable: int = 0
    undated: int = 0
    example: str = ""

    def take(self, table: pa.Table) -> None:
        self.seen += table.num_rows
        if self.column is None:
            self.kept.append(table)
            return
        if not table.num_rows:
            return
        times = as_times(table.column(self.column), self.spelling)
        if not times.null_count:
            moments = _moments(times)
            self.settle(int(moments[0]))
            self.kept.append(table.filter(pa.array(self._inside(moments))))
            self.before = int(moments[-1])
            return
        self._note(table, times)
        self._take_mixed(table, times)

    def settle(self, after: int) -> None:
        """Keep the rows that wait, if they may be of the partition: `after` is the next time."""
        low, high = sorted((self.before, after)) if self.before != _FIRST else (_FIRST, after)
        for table in self.waiting if self._may_be(low, high) else ():
            self.undated += table.num_rows
            self.kept.append(table)
        self.waiting = []

    def _take_mixed(self, table: pa.Table, times: pa.ChunkedArray) -> None:
        dated = np.asarray(pc.is_valid(times).to_numpy(zero_copy_only=False), dtype=bool)
        places = np.flatnonzero(dated)
        if not len(places):
            self.waiting.append(table)
            return
        moments = np.zeros(len(dated), dtype=np.int64)
        moments[places] = _moments(times.drop_null())
        first, last = int(places[0]), int(places[-1])
        if first:
            self.waiting.append(table.slice(0, first))
        self.settle(int(moments[first]))
        inner = slice(first, last + 1)
        keep = self._kept_between(moments[inner], dated[inner])
        self.undated += int((keep & ~dated[inner]).sum())
        self.kept.append(table.slice(first, last + 1 - first).filter(pa.array(keep)))
        self.before = int(moments[last])
        if last + 1 < len(dated):
            self.waiting.append(table.slice(last + 1))

    def _kept_between(
        self, moments: Moments, dated: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Tell which rows to keep, of a run of rows whose first and last have a time."""
        places = np.where(dated, np.arange(len(dated)), 0)
        earlier = moments[np.maximum.accumulate(places)]
        places = np.where(dated, np.arange(len(dated)), len(dated) - 1)
        later = moments[np.minimum.accumulate(places[::-1])[::-1]]
        low, high = np.minimum(earlier, later), np.maximum(earlier, later)
        start, end = self._bounds()
        maybe = np.ones(len(dated), bool) if self.of_one else (low < end) & (high >= start)
        return np.where(dated, self._inside(moments), maybe)

    def _inside(self, moments: Moments) -> npt.NDArray[np.bool_]:
        start, end = self._bounds()
        return (moments >= start) & (moments < end)

    def _may_be(self, low: int, high: int) -> bool:
        start, end = self._bounds()
        return self.of_one or (low < end and high >= start)

    def _bounds(self) -> tuple[int, int]:
        both = pa.array([self.partition.start, self.partition.end], pa.timestamp("us", "UTC"))
        start, end = both.cast(pa.int64()).to_pylist()
        return start, end

    def _note(self, table: pa.Table, times: pa.ChunkedArray) -> None:
        self.unreadable += times.null_count
        if not self.example:
            given = table.column(self.column).filter(pc.is_null(times)).drop_null()
            self.example = str(given[0].as_py()) if len(given) else ""


def _moments(times: pa.ChunkedArray) -> Moments:
    found: Moments = pc.cast(times, pa.int64()).to_numpy()
    return found
