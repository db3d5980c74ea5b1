"""Splitting: the rows of a file, read once, put down by partition.

What is put down is the rows as they were read, with the place of each in the file; and beside them
what the rules of `within` ask about the file as a whole, for any partition. The index is created
last, and only once: without it nothing that was put down is there.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from mlfactory.ingest.index import EARLIER, LATER, NUMBER, PLACE, Block, Index, places_of
from mlfactory.ingest.marks import Marks
from mlfactory.ingest.rules import FIRST, LAST, Moments, moments_of
from mlfactory.ingest.spool import Spool
from mlfactory.ingest.times import as_times
from mlfactory.lake.store import Store
from mlfactory.product.partitions import Calendar

_log = logging.getLogger(__name__)

SEGMENT = 64 << 20
"""Bytes of rows that are sorted and put down together. Read where it is used."""

BLOCK = 8_192
"""Rows that are read back together at least, of several partitions where one has fewer."""

_TELL_SECONDS = 10.0

Piece = tuple[pa.Table, int, int]
"""Rows that are read back together, and the first and last place (or time) among them."""

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass
class Splitter:
    """What was put down so far; `waiting` are undated rows since the last time that was read.

    Args:
        column: with the event times; without one, every row is of place 0.
        spelling: how text writes a time, as strptime has it.
    """

    store: Store
    name: str
    calendar: Calendar
    schema: pa.Schema
    column: str | None
    spelling: str | None
    index: Index = field(init=False)
    _dated: list[pa.Table] = field(default_factory=list)
    _undated: list[pa.Table] = field(default_factory=list)
    _bytes: Counter[str] = field(default_factory=Counter)
    _on: Counter[int] = field(default_factory=Counter)
    _back: Counter[int] = field(default_factory=Counter)
    _written: list[str] = field(default_factory=list)
    _pending: Future[None] | None = None
    _told: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.index = Index(self.schema)
        self._mark = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        self._waiting = Spool(self._numbered_schema())
        self._marks = Marks(self.schema)
        # packing and writing keep another core and the disk busy while the next rows are read
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="split")

    def take(self, table: pa.Table) -> None:
        """Put down rows, which follow those before them in the file."""
        if not table.num_rows:
            return
        index = self.index
        numbers = pa.array(np.arange(index.seen, index.seen + table.num_rows), pa.int64())
        rows = table.replace_schema_metadata(None).append_column(NUMBER, numbers)
        index.seen += table.num_rows
        self._tell()
        if self.column is None:
            self._keep_dated(rows, np.zeros(table.num_rows, np.int64))
            return
        times = as_times(table.column(self.column), self.spelling)
        if not times.null_count:
            self._take_dated(rows, moments_of(times))
            return
        index.unreadable += times.null_count
        if not index.example:
            given = table.column(self.column).filter(pc.is_null(times)).drop_null()
            index.example = str(given[0].as_py()) if len(given) else ""
        self._take_mixed(rows, times)

    def finish(self, origin: dict[str, Any]) -> bool:
        """Put down the index; tell whether it is ours, and not another's of the same file."""
        self._settle(LAST)
        self._flush_dated()
        self._flush_undated()
        self._wait()
        self._writer.shutdown()
        index = self.index
        index.origin, index.read_at = origin, datetime.now(UTC).isoformat()
        index.rows, index.marks = dict(self._marks.rows), self._marks.of_each()
        index.on, index.back = dict(self._on), dict(self._back)
        return self.store.create(f"{self.name}/index.json", index.as_json())

    def give_up(self) -> None:
        """Remove what was put down, which no index names."""
        with suppress(Exception):  # it is given up already
            self._wait()
        self._writer.shutdown()
        for name in self._written:
            self.store.delete(name)

    def _take_dated(self, rows: pa.Table, moments: Moments) -> None:
        self._settle(int(moments[0]))
        places = places_of(self.calendar, moments)
        self._keep_dated(rows, places)
        self._follow(moments, places)

    def _take_mixed(self, rows: pa.Table, times: pa.ChunkedArray) -> None:
        dated = np.asarray(pc.is_valid(times).to_numpy(zero_copy_only=False), dtype=bool)
        at = np.flatnonzero(dated)
        if not len(at):
            self._waiting.add(rows)
            return
        moments = np.zeros(len(dated), dtype=np.int64)
        moments[at] = moments_of(times.drop_null())
        first, last = int(at[0]), int(at[-1])
        if first:
            self._waiting.add(rows.slice(0, first))
        self._settle(int(moments[first]))
        places = places_of(self.calendar, moments[at])
        self._keep_dated(rows.filter(pa.array(dated)), places)
        inner = slice(first, last + 1)
        absent = ~dated[inner]
        if absent.any():
            earlier, later = _neighbours(moments[inner], dated[inner])
            between = rows.slice(first, last + 1 - first).filter(pa.array(absent))
            self._keep_undated(between, earlier[absent], later[absent])
        self._follow(moments[at], places)
        if last + 1 < len(dated):
            self._waiting.add(rows.slice(last + 1))

    def _settle(self, after: int) -> None:
        """Put down the rows that wait: `after` is the next time."""
        if not self._waiting.rows:
            return
        before = FIRST if self.index.last is None else self.index.last
        for table in self._waiting:
            count = table.num_rows
            self._keep_undated(table, np.full(count, before), np.full(count, after))
        self._waiting = Spool(self._numbered_schema())

    def _follow(self, moments: Moments, places: npt.NDArray[np.int64]) -> None:
        """Note how the times of a piece went on."""
        index = self.index
        if index.last is None:
            index.first = int(moments[0])
            joined = places
        else:
            joined = np.append(places_of(self.calendar, np.array([index.last])), places)
        index.last = int(moments[-1])
        low, high = int(moments.min()), int(moments.max())
        index.low = low if index.low is None else min(index.low, low)
        index.high = high if index.high is None else max(index.high, high)
        steps = np.flatnonzero(np.diff(joined))
        one, next_one = joined[steps], joined[steps + 1]
        up = next_one > one
        _count(self._on, one[up], next_one[up])
        _count(self._back, next_one[~up], one[~up])

    def _keep_dated(self, rows: pa.Table, places: npt.NDArray[np.int64]) -> None:
        self._dated.append(rows.append_column(PLACE, pa.array(places, pa.int64())))
        self._bytes["dated"] += rows.nbytes
        if self._bytes["dated"] > SEGMENT:
            self._flush_dated()

    def _keep_undated(self, rows: pa.Table, earlier: Moments, later: Moments) -> None:
        rows = rows.append_column(EARLIER, pa.array(earlier, pa.int64()))
        self._undated.append(rows.append_column(LATER, pa.array(later, pa.int64())))
        self._bytes["undated"] += rows.nbytes
        if self._bytes["undated"] > SEGMENT // 4:
            self._flush_undated()

    def _flush_dated(self) -> None:
        if not self._dated:
            return
        table = pa.concat_tables(self._dated)
        self._dated, self._bytes["dated"] = [], 0
        places = table.column(PLACE).to_numpy()
        if (np.diff(places) < 0).any():
            order = np.argsort(places, kind="stable")
            # the columns must be whole, as indices into many pieces are slow
            table = table.combine_chunks()
            table, places = table.take(pa.array(order)), places[order]
        self._marks.take(table, places)
        parts = [
            (table.slice(start, end - start), int(places[start]), int(places[end - 1]))
            for start, end in _cut(places)
        ]
        self._write(parts, self.index.dated)

    def _flush_undated(self) -> None:
        if not self._undated:
            return
        table = pa.concat_tables(self._undated).combine_chunks()
        self._undated, self._bytes["undated"] = [], 0
        ends = [table.column(name).to_numpy() for name in (EARLIER, LATER)]
        low, high = min(int(each.min()) for each in ends), max(int(each.max()) for each in ends)
        if low == FIRST or high == LAST:
            # beside the first or last row: in a file that goes back in time, on either side
            low, high = FIRST, LAST
        self._write([(table, low, high)], self.index.undated)

    def _write(self, parts: list[Piece], blocks: list[Block]) -> None:
        """Let a file be written, and its blocks be noted; one is written at a time."""
        self._wait()
        file = f"{self._mark}-{len(self._written):05d}.arrow"
        self._written.append(f"{self.name}/{file}")
        self._pending = self._writer.submit(self._put, file, parts, blocks)

    def _put(self, file: str, parts: list[Piece], blocks: list[Block]) -> None:
        sink, start = pa.BufferOutputStream(), 0
        for table, low, high in parts:
            with pa.ipc.new_stream(sink, table.schema, options=_OPTIONS) as writer:
                writer.write_table(table)
            end = sink.tell()
            blocks.append(Block(file, start, end - start, table.num_rows, low, high))
            start = end
        self.store.write(f"{self.name}/{file}", sink.getvalue().to_pybytes())

    def _wait(self) -> None:
        """Wait until what was given to be written is; what kept it from that is raised here."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def _numbered_schema(self) -> pa.Schema:
        return self.schema.remove_metadata().append(pa.field(NUMBER, pa.int64()))

    def _tell(self) -> None:
        if time.monotonic() - self._told > _TELL_SECONDS:
            self._told = time.monotonic()
            _log.info("%s: %s rows were read", self.name, f"{self.index.seen:,}")


def _neighbours(moments: Moments, dated: npt.NDArray[np.bool_]) -> tuple[Moments, Moments]:
    """Return for each of a run of rows the times before and after it; its ends have one."""
    numbers = np.arange(len(dated))
    before = np.maximum.accumulate(np.where(dated, numbers, 0))
    after = np.minimum.accumulate(np.where(dated, numbers, len(dated) - 1)[::-1])[::-1]
    return moments[before], moments[after]


def _counts(places: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return np.unique(places, return_counts=True)


def _count(steps: Counter[int], low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> None:
    """Count a step for every place from `low` to `high`: as where it begins, and where it ends."""
    for places, sign in ((low, 1), (high + 1, -1)):
        for place, count in zip(*map(np.ndarray.tolist, _counts(places)), strict=True):
            steps[place] += sign * count


def _cut(places: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield where to cut sorted places: between two of them, and not too often."""
    start = 0
    for end in [*(np.flatnonzero(np.diff(places)) + 1).tolist(), len(places)]:
        if end - start >= BLOCK or end == len(places):
            yield start, end
            start = end
