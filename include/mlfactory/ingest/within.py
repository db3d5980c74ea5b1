"""The rows of a partition among those of a source, and the rows that may be of it.

A row whose time cannot be read was received, and is no one else's. In what holds one partition
only, it is of that. In a file of all partitions that is in the order of time, or its reverse, it
may be of any partition from its one neighbour's to the other's. Where the file is in no such order
it counts in the partition of the row before it: a few such rows must not stop every partition.

A partition in which no row has a time is either one that is told in a way that cannot be read, or
a quiet one with a stray row, such as a sum below all rows. It is taken for quiet where there are
far fewer such rows than a partition usually has; partitions beside it count them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.rules import (
    CODES,
    DATED,
    FIRST,
    LAST,
    NEAR,
    Bounds,
    Codes,
    Moments,
    allowed_codes,
    are_strays,
    bounds_of,
    codes_between,
    counted,
    moments_of,
    usual_rows,
    zones,
)
from mlfactory.ingest.spool import Spool
from mlfactory.ingest.times import as_times
from mlfactory.lake.batches import Batched
from mlfactory.product.partitions import Partition

_CODE = "\0code"
"""No column of a file can have this name."""


@dataclass(frozen=True)
class Within:
    """The rows of a partition, in the order of their source.

    Attributes:
        rows: a table where they fit one batch.
        seen: how many rows the source gave in all.
        unreadable: how many of those have no time that can be read.
        undated: how many of `rows` have none.
        strays: how many that have none may be of the partition, and are not counted as its rows.
        example: the first time that cannot be read, as it was given.
    """

    rows: pa.Table | Batched
    seen: int
    unreadable: int = 0
    undated: int = 0
    strays: int = 0
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
    picker = _Picker(schema, column, partition, spelling, of_one)
    for table in tables:
        picker.take(table)
    picker.settle(LAST)
    allowed, undated = picker.allowed()
    strays = 0
    if not of_one and are_strays(undated, picker.inside, picker.usual()):
        allowed, undated, strays = 0, 0, undated
    rows = picker.chosen(allowed)
    return Within(rows, picker.seen, picker.unreadable, undated, strays, picker.example)


@dataclass
class _Picker:
    """What was picked so far; `waiting` are undated rows since the last time that was read.

    Attributes:
        counts: how many of the kept rows have which code.
        zone: 0, 1 or 2 as the last time lay before, in or after the partition; -1 at first.
        steps: how often times went on to a later of these, and back to an earlier one.
        inside: how many times lay in the partition.
        ends: the first and the last time of all.
    """

    schema: pa.Schema
    column: str | None
    partition: Partition
    spelling: str | None
    of_one: bool
    kept: Spool = field(init=False)
    waiting: Spool = field(init=False)
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(CODES, np.int64))
    before: int = FIRST
    zone: int = -1
    steps: tuple[int, int] = (0, 0)
    inside: int = 0
    ends: tuple[int, int] = (LAST, FIRST)
    seen: int = 0
    unreadable: int = 0
    example: str = ""

    def __post_init__(self) -> None:
        self.kept = Spool(self.schema.append(pa.field(_CODE, pa.uint8())))
        self.waiting = Spool(self.schema)

    def take(self, table: pa.Table) -> None:
        self.seen += table.num_rows
        if self.column is None:
            self._keep(table, np.full(table.num_rows, DATED, np.uint8))
            return
        if not table.num_rows:
            return
        times = as_times(table.column(self.column), self.spelling)
        if not times.null_count:
            moments = moments_of(times)
            self.settle(int(moments[0]))
            self._keep(table, self._of_dated(moments))
            self._follow(moments)
            return
        self._note(table, times)
        self._take_mixed(table, times)

    def settle(self, after: int) -> None:
        """Tell of the rows that wait why they may be of the partition: `after` is the next time."""
        ends = np.array([self.before]), np.array([after])
        if self.waiting.rows:
            for table in self.waiting:
                self._keep(table, np.repeat(self._of_undated(*ends), table.num_rows))
            self.waiting = Spool(self.schema)

    def allowed(self) -> tuple[int, int]:
        """Return the codes of the rows to keep, and how many of those are undated."""
        allowed = allowed_codes(self.counts, self.steps, self.inside)
        return allowed, counted(self.counts, allowed & ~DATED)

    def chosen(self, allowed: int) -> pa.Table | Batched:
        """Return the rows that have one of the codes."""

        def of_these(table: pa.Table) -> pa.Table:
            codes = table.column(_CODE).to_numpy()
            return table.drop_columns([_CODE]).filter(pa.array((codes & allowed) > 0))

        if not allowed:
            return self.schema.empty_table()
        return self.kept.changed(of_these, counted(self.counts, allowed))

    def usual(self) -> float:
        """Return how many rows with a time a partition has, on average from first to last."""
        return usual_rows(self.seen - self.unreadable, self.ends, self._bounds())

    def _keep(self, table: pa.Table, codes: Codes) -> None:
        maybe = codes > 0
        if maybe.any():
            self.counts += np.bincount(codes[maybe], minlength=CODES)
            kept = table.filter(pa.array(maybe))
            self.kept.add(kept.append_column(_CODE, pa.array(codes[maybe], pa.uint8())))

    def _take_mixed(self, table: pa.Table, times: pa.ChunkedArray) -> None:
        dated = np.asarray(pc.is_valid(times).to_numpy(zero_copy_only=False), dtype=bool)
        places = np.flatnonzero(dated)
        if not len(places):
            self.waiting.add(table)
            return
        moments = np.zeros(len(dated), dtype=np.int64)
        moments[places] = moments_of(times.drop_null())
        first, last = int(places[0]), int(places[-1])
        if first:
            self.waiting.add(table.slice(0, first))
        self.settle(int(moments[first]))
        inner = slice(first, last + 1)
        self._keep(table.slice(first, last + 1 - first), self._of(moments[inner], dated[inner]))
        self._follow(moments[places])
        if last + 1 < len(dated):
            self.waiting.add(table.slice(last + 1))

    def _of(self, moments: Moments, dated: npt.NDArray[np.bool_]) -> Codes:
        """Return the codes of a run of rows whose first and last have a time."""
        places = np.where(dated, np.arange(len(dated)), 0)
        earlier = moments[np.maximum.accumulate(places)]
        places = np.where(dated, np.arange(len(dated)), len(dated) - 1)
        later = moments[np.minimum.accumulate(places[::-1])[::-1]]
        found: Codes = np.where(dated, self._of_dated(moments), self._of_undated(earlier, later))
        return found

    def _of_dated(self, moments: Moments) -> Codes:
        found: Codes = np.where(self._zones(moments) == 1, DATED, 0).astype(np.uint8)
        return found

    def _of_undated(self, earlier: Moments, later: Moments) -> Codes:
        """Return the codes of rows between two times; without a time before or after, its end."""
        if self.of_one:
            return np.full(len(earlier), NEAR, np.uint8)
        return codes_between(earlier, later, self._bounds())

    def _follow(self, moments: Moments) -> None:
        """Note how the times of a piece went on, and which was the last."""
        zones = self._zones(moments)
        self.inside += int((zones == 1).sum())
        first, last = self.ends
        self.ends = min(first, int(moments.min())), max(last, int(moments.max()))
        steps = np.diff(zones if self.zone < 0 else np.append(self.zone, zones))
        self.steps = self.steps[0] + int((steps > 0).sum()), self.steps[1] + int((steps < 0).sum())
        self.zone, self.before = int(zones[-1]), int(moments[-1])

    def _zones(self, moments: Moments) -> npt.NDArray[np.int8]:
        return zones(moments, self._bounds())

    def _bounds(self) -> Bounds:
        return bounds_of(self.partition)

    def _note(self, table: pa.Table, times: pa.ChunkedArray) -> None:
        self.unreadable += times.null_count
        if not self.example:
            given = table.column(self.column).filter(pc.is_null(times)).drop_null()
            self.example = str(given[0].as_py()) if len(given) else ""
