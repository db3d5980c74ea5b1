"""Steps that ask other rows: which rows have the same key, and what of a key was known last.

Values meet on disk, by the hash of their key, so that of each row no more is held than its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.cleaning.told import Told
from mlfactory.lake.catalog import LANDED_ROW
from mlfactory.lake.marks import Marks
from mlfactory.lake.spool import PLACE, PlaceSpool, Spool
from mlfactory.product.cleaning import Duplicates, Fill

Again = Callable[[], Iterator[pa.Table]]
"""Yields the rows of a partition, as often as it is called."""

_SHOWN = 5


def repeats(again: Again, told: Told, left_out: Marks) -> Marks:
    """Return the places of the rows whose key another row has that is kept.

    A row with a null in its key has none. Where the step says stop, all rows stay, and it is told
    why they stop the partition.

    Args:
        left_out: landed rows that are not asked for their key: each stays, and no other for it.
    """
    step = told.step
    assert isinstance(step, Duplicates)
    key, by = list(told.columns), step.by
    dropped, shown = Marks(), list[tuple[int, str]]()
    with Spool(key, [by] if by else []) as spool:
        _spooled(again, spool, left_out)
        for part in spool.parts():
            rows = _by_key(part, key, by)
            if rows is None:
                continue
            starts = _starts(rows, key)
            last = np.append(starts[1:], rows.num_rows) - 1 if len(starts) else starts
            kept = np.zeros(rows.num_rows, dtype=np.bool_)
            kept[last if step.keep == "last" else starts] = True
            again_there = rows.filter(pa.array(~kept))
            places = again_there.column(PLACE).to_numpy()
            dropped.add(places)
            if step.keep == "stop" and len(places):
                first = np.argsort(places)[:_SHOWN]
                keys = again_there.select(key).take(pa.array(first)).to_pylist()
                pairs = zip(places[first].tolist(), map(_named, keys), strict=True)
                shown = sorted([*shown, *pairs])[:_SHOWN]
    if step.keep != "stop":
        return dropped
    told.stopped = ""
    if len(dropped):
        are = "row has" if len(dropped) == 1 else "rows have"
        told.stopped = (
            f"{len(dropped):,} {are} the key ({', '.join(key)}) of another row, and it says stop: "
            f"{'; '.join(dict.fromkeys(words for _, words in shown))}; mend the source, or say "
            "which row is kept (keep: first, or last)"
        )
    return Marks()


def without_repeats(again: Again, told: Told, dropped: Marks) -> Iterator[pa.Table]:
    """Yield rows without those of some places."""
    start = 0
    for rows in again():
        end = start + rows.num_rows
        left = np.ones(rows.num_rows, dtype=np.bool_)
        left[dropped.within(start, end) - start] = False
        told.dropped += int(rows.num_rows - left.sum())
        yield rows.filter(pa.array(left))
        start = end


def last_known(again: Again, told: Told, disk: ExitStack, left_out: Marks) -> dict[str, PlaceSpool]:
    """Return of each column the last known values of rows that have none, by their places.

    A row is never filled from one that comes later, nor without a key or without what says when.

    Args:
        disk: keeps what is spooled.
        left_out: landed rows from which nothing is filled, and that are not filled themselves.
    """
    step = told.step
    assert isinstance(step, Fill)
    names = list(told.columns)
    key = list(step.last_of)
    with Spool(key, [*names, *([step.by] if step.by else [])]) as spool:
        count = _spooled(again, spool, left_out)
        found = {name: disk.enter_context(PlaceSpool(name, count)) for name in names}
        for part in spool.parts():
            rows = _by_key(part, key, step.by)
            if rows is None:
                continue
            if step.by:
                rows = rows.filter(pc.is_valid(rows.column(step.by)))
            starts = _starts(rows, key)
            for name, values in found.items():
                _fill(rows, name, starts, values)
    return found


def with_last_known(
    again: Again, told: Told, known: Mapping[str, PlaceSpool]
) -> Iterator[pa.Table]:
    """Yield rows with the values that are known of them where they have none."""
    start = 0
    for rows in again():
        for name, values in known.items():
            rows = _filled(rows, name, values, start, told)
        yield rows
        start += rows.num_rows


def _spooled(again: Again, spool: Spool, left_out: Marks) -> int:
    """Spool the rows with their places, and return how many there are, those left out too."""
    start = 0
    for rows in again():
        end = start + rows.num_rows
        places = np.arange(start, end)
        if len(left_out):
            kept = ~left_out.of(rows.column(LANDED_ROW).to_numpy())
            rows, places = rows.filter(pa.array(kept)), places[kept]
        spool.add(rows, places)
        start = end
    return start


def _by_key(part: Iterator[pa.Table], key: Sequence[str], by: str | None) -> pa.Table | None:
    """Return the rows of a part that have a key, of each key the earlier ones first."""
    tables = list(part)
    if not tables:
        return None
    rows = pa.concat_tables(tables)
    for name in key:
        rows = rows.filter(pc.is_valid(rows.column(name)))
    order = [(name, "ascending", "at_start") for name in (*key, *([by] if by else []), PLACE)]
    places = pc.sort_indices(rows, sort_keys=order)
    return rows.take(places).combine_chunks()


def _starts(rows: pa.Table, key: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return where the rows of each key begin, of rows that are sorted by it."""
    if not rows.num_rows:
        return np.zeros(0, dtype=np.int64)
    other = np.zeros(rows.num_rows, dtype=np.bool_)
    other[0] = True
    for name in key:
        column = rows.column(name).combine_chunks()
        same = pc.equal(column[1:], column[:-1])
        other[1:] |= ~same.to_numpy(zero_copy_only=False)
    return np.flatnonzero(other)


def _fill(rows: pa.Table, name: str, starts: npt.NDArray[np.int64], values: PlaceSpool) -> None:
    """Spool what the rows without a value are filled with."""
    if not rows.num_rows:
        return
    valid = rows.column(name).is_valid().to_numpy()
    place = np.arange(rows.num_rows)
    last = np.maximum.accumulate(np.where(valid, place, -1))
    begun = np.repeat(starts, np.diff(np.append(starts, rows.num_rows)))
    wanted = np.flatnonzero(~valid & (last >= begun))
    if len(wanted):
        taken = rows.select([name]).take(pa.array(last[wanted]))
        values.add(taken, rows.column(PLACE).to_numpy()[wanted])


def _filled(rows: pa.Table, name: str, values: PlaceSpool, start: int, told: Told) -> pa.Table:
    tables = list(values.within(start, start + rows.num_rows))
    before = rows.column(name)
    if not tables:
        return rows
    known = pa.concat_tables(tables)
    places = known.column(PLACE).to_numpy() - start
    inside = (places >= 0) & (places < rows.num_rows)
    chosen = np.full(rows.num_rows, -1, dtype=np.int64)
    chosen[places[inside]] = np.flatnonzero(inside)
    which = pa.array(chosen, mask=chosen < 0)
    after = pc.coalesce(before, pc.take(known.column(name), which))
    told.cells(name, before, after)
    return rows.set_column(rows.column_names.index(name), name, after)


def _named(key: dict[str, object]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in key.items())
