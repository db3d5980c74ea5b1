"""Rows of files that were split: those of a partition, found by the rules of `within`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from mlfactory.ingest.index import EARLIER, LATER, NUMBER, PLACE, Block, Index, place_of
from mlfactory.ingest.rules import (
    CODES,
    DATED,
    FIRST,
    LAST,
    Bounds,
    Codes,
    allowed_codes,
    are_strays,
    bounds_of,
    codes_between,
    counted,
    usual_rows,
    zones,
)
from mlfactory.ingest.spool import Spool
from mlfactory.ingest.widening import fitted, widest
from mlfactory.ingest.within import Within
from mlfactory.lake.store import Absent, Store, find_json
from mlfactory.product.errors import FactoryError, IntegrityError
from mlfactory.product.partitions import Calendar, Partition


class Damaged(FactoryError):
    """What was split is not what was put down, or is gone: the file is to be read again."""


@dataclass
class Kept:
    """A file that was split.

    Attributes:
        name: of the folder in the store.
        before, after: the last time of the files read before it, and the first of those after it.
    """

    store: Store
    name: str
    index: Index
    before: int = field(default=FIRST)
    after: int = field(default=LAST)

    def forget(self) -> None:
        """Let the file be read again."""
        self.store.delete(f"{self.name}/index.json")

    def dated(self, place: int) -> Iterator[pa.Table]:
        """Yield the rows of a partition, in the file's order."""
        for block in self.index.dated:
            if block.low <= place <= block.high:
                table = self._read(block)
                if block.low != block.high:
                    table = table.filter(pc.equal(table[PLACE], place))
                yield table.drop_columns([PLACE])

    def undated(self, bounds: Bounds) -> Iterator[tuple[pa.Table, Codes]]:
        """Yield the rows without a time that may be of a partition, and why they may be."""
        for block in self.index.undated:
            if _reaches(block, bounds):
                table = self._read(block)
                earlier, later = (table[name].to_numpy() for name in (EARLIER, LATER))
                earlier = np.where(earlier == FIRST, self.before, earlier)
                later = np.where(later == LAST, self.after, later)
                yield table.drop_columns([EARLIER, LATER]), codes_between(earlier, later, bounds)

    def rows(self, place: int, bounds: Bounds, allowed: int) -> Iterator[pa.Table]:
        """Yield the rows of a partition and those undated ones that have one of the codes."""
        chosen = (
            table.filter(pa.array((codes & allowed) > 0)) for table, codes in self.undated(bounds)
        )
        yield from _merged(self.dated(place), chosen)

    def _read(self, block: Block) -> pa.Table:
        try:
            content = self.store.part(f"{self.name}/{block.file}", block.start, block.length)
            table = pa.ipc.open_stream(content).read_all()
        except (Absent, pa.ArrowInvalid, OSError) as error:
            told = getattr(error, "problem", error)
            raise Damaged(f"{self.name}/{block.file} cannot be read: {told}") from error
        if table.num_rows != block.rows:
            raise Damaged(f"{self.name}/{block.file} has lost rows")
        return table


def find_kept(store: Store, name: str) -> Kept | None:
    """Return a file that was split, None if it was not (or what is told of it is damaged)."""
    try:
        told = find_json(store, f"{name}/index.json")
        return None if told is None else Kept(store, name, Index.parsed(told))
    except (IntegrityError, ValueError, KeyError, TypeError):
        store.delete(f"{name}/index.json")
        return None


def kept_within(
    files: Sequence[Kept], calendar: Calendar, partition: Partition, timed: bool
) -> Within:
    """Return the rows of a partition of files, as `rows_within` does of all their rows in order.

    Raises:
        Damaged: they are not what was put down.
    """
    schema = widest([file.index.schema for file in files])
    bounds = bounds_of(partition) if timed else (FIRST, LAST)
    place = place_of(calendar, partition) if timed else 0
    _join(files)
    allowed, undated, strays = _judged(files, place, bounds) if timed else (DATED, 0, 0)
    kept = Spool(schema)
    for file in files if allowed else ():
        for table in file.rows(place, bounds, allowed):
            kept.add(fitted(table.drop_columns([NUMBER]), schema))
    examples = [file.index.example for file in files if file.index.example]
    return Within(
        kept.changed(lambda table: table, kept.rows),
        sum(file.index.seen for file in files),
        sum(file.index.unreadable for file in files),
        undated,
        strays,
        examples[0] if examples else "",
    )


def _join(files: Sequence[Kept]) -> None:
    """Let each file know what times lie before and after it."""
    last = FIRST
    for file in files:
        file.before = last
        last = last if file.index.last is None else file.index.last
    first = LAST
    for file in reversed(files):
        file.after = first
        first = first if file.index.first is None else file.index.first


def _judged(files: Sequence[Kept], place: int, bounds: Bounds) -> tuple[int, int, int]:
    """Return which rows are of the partition, how many of them are undated, and the strays."""
    inside = sum(file.index.rows.get(place, 0) for file in files)
    counts: npt.NDArray[np.int64] = np.zeros(CODES, np.int64)
    for file in files:
        for _, codes in file.undated(bounds):
            counts += np.bincount(codes[codes > 0], minlength=CODES)
    allowed = allowed_codes(counts, _steps(files, place, bounds), inside)
    undated = counted(counts, allowed & ~DATED)
    seen = sum(file.index.seen - file.index.unreadable for file in files)
    lows = [file.index.low for file in files if file.index.low is not None]
    highs = [file.index.high for file in files if file.index.high is not None]
    usual = usual_rows(seen, (min(lows), max(highs)), bounds) if seen else 0.0
    if are_strays(undated, inside, usual):
        return 0, 0, undated
    return allowed, undated, 0


def _steps(files: Sequence[Kept], place: int, bounds: Bounds) -> tuple[int, int]:
    """Return how often times go on, and back; within the files, and from one to the next."""
    on = sum(file.index.steps(place)[0] for file in files)
    back = sum(file.index.steps(place)[1] for file in files)
    dated = [file.index for file in files if file.index.last is not None]
    for one, following in pairwise(dated):
        before, after = zones(np.array([one.last, following.first], np.int64), bounds).tolist()
        on, back = on + (after > before), back + (after < before)
    return on, back


def _reaches(block: Block, bounds: Bounds) -> bool:
    """Tell whether a row of a block may be of a partition; an end without a time is open."""
    start, end = bounds
    return block.low < end and block.high >= start


def _merged(dated: Iterator[pa.Table], undated: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows of both in the order of their numbers; each comes in that order."""
    held = next(undated, None)
    for table in dated:
        if not table.num_rows:
            continue
        last = table[NUMBER][-1].as_py()
        among = [table]
        while held is not None:
            earlier = held.filter(pc.less(held[NUMBER], last))
            if earlier.num_rows:
                among.append(earlier)
            if earlier.num_rows < held.num_rows:
                held = held.slice(earlier.num_rows)
                break
            held = next(undated, None)
        yield table if len(among) == 1 else pa.concat_tables(among).sort_by(NUMBER)
    while held is not None:
        if held.num_rows:
            yield held
        held = next(undated, None)
