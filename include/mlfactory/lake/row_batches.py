"""Rows as they landed, and those that validation has let through, batch by batch.

The same rows as of `rows.py`, in the same order, with the same errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.batches import rebatched
from mlfactory.lake.catalog import LANDING, PARTITION, RAW_HELPERS, ROW, raw
from mlfactory.lake.corrections import Corrections, corrected_rows, with_corrections
from mlfactory.lake.rows import (
    Landed,
    Standing,
    empty_rows,
    quarantined_rows,
    refuse_loss,
    replaced,
    table_of,
    unnamed,
)
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import as_received, kinds_of
from mlfactory.product.errors import IntegrityError
from mlfactory.product.loader import Product


def landed_batches(
    product: Product,
    source: str,
    landings: Mapping[str, Landed],
    *,
    columns: Sequence[str] | None = None,
    table: str = "",
) -> Iterator[pa.Table]:
    """Yield the rows that `landed_rows` returns, at least one batch, if an empty one.

    Whether they may be used is told before the first batch, mostly by the table's log alone; the
    rows are counted as they come, so nothing may be done for good before the end.

    Args:
        columns: of the source; the partition and the row's place come along. All by default.
        table: that of the source's landed rows by default, or that of its cleaned ones.

    Raises:
        ServiceError: if there are rows of another landing.
        IntegrityError: if there are fewer than were landed.
        ContractError: if rows were landed by a revision that did not name their landing, or the
            table lacks a column that is asked for.
    """
    lake = Lake(product.name)
    table = table or raw(source)
    version = lake.version(table)
    if version is None or not landings:
        refuse_loss(product, source, landings, {}, table)
        return iter([_of(empty_rows(lake, table), columns)])
    marks = lake.marks(table, LANDING, list(landings), version=version)
    for key, found in sorted(marks.items()):
        if "" in found:
            raise unnamed(product, source)
        if set(found) - {landings[key].landing}:
            raise replaced(product, source, key, table)
    counts = {key: sum(each.values()) for key, each in marks.items()}
    refuse_loss(product, source, landings, counts, table)
    return rebatched(_counted(product, table, landings, columns, version))


def accepted_batches(
    product: Product,
    source: str,
    judged: Sequence[Standing],
    *,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.Table]:
    """Yield the rows that `accepted_of` returns, in Arrow, at least one batch, if an empty one.

    Args:
        judged: the partitions' standings.
        columns: of the source; all of them by default.

    Raises:
        ServiceError: if a partition is being landed or validated anew at this moment.
        IntegrityError: if rows that were landed, corrected, or put into quarantine, are gone.
        ContractError: see `landed_batches`.
    """
    usable = {each.key: each for each in judged if each.state == "accepted"}
    landings = {key: each.landed(source) for key, each in usable.items()}
    bad = quarantined_rows(product, source, usable)
    places = {
        str(key): pa.array(rows[ROW], pa.int64())
        for key, rows in bad.groupby(PARTITION, sort=False)
    }
    corrections = corrected_rows(product, source, usable)
    table = table_of(product, source)
    batches = landed_batches(product, source, landings, columns=columns, table=table)
    return rebatched(_let_through(batch, places, corrections) for batch in batches)


def _let_through(
    rows: pa.Table, places: Mapping[str, pa.Array], corrections: Corrections
) -> pa.Table:
    """Return rows without those in quarantine, as corrected, with the source's columns only."""
    for key, bad in places.items():
        own = pc.equal(rows.column(PARTITION), key)
        rows = rows.filter(pc.invert(pc.and_(own, pc.is_in(rows.column(ROW), bad))))
    rows = with_corrections(rows, corrections)
    return rows.drop_columns([name for name in RAW_HELPERS if name in rows.column_names])


def _counted(
    product: Product,
    table: str,
    landings: Mapping[str, Landed],
    columns: Sequence[str] | None,
    version: int,
) -> Iterator[pa.Table]:
    lake = Lake(product.name)
    yield from (_of(each, columns) for each in lake.batches(table, [], version=version))
    for key, landed in sorted(landings.items()):
        came = 0
        for batch in in_order(lake, table, key, columns, version):
            came += batch.num_rows
            yield _of(batch, columns)
        if came != landed.rows:
            raise IntegrityError(
                f"{product.name}, partition {key}: {landed.rows:,} rows were written, and the "
                f"files of {lake.address(table)} hold {came:,}",
                remedy="put the table back from a copy",
            )


def in_order(
    lake: Lake, table: str, key: str, columns: Sequence[str] | None, version: int
) -> Iterator[pa.Table]:
    """Yield the rows of a partition as they came.

    More than a batch of them was written in that order; only where another tool has changed it
    since are they sorted in memory.
    """
    wanted = None
    if columns is not None:
        there = lake.columns(table, version=version)
        empty = kinds_of(there)
        wanted = [name for name in columns if name in there or name not in empty] + [ROW]
    found = lake.batches(table, [key], columns=wanted, version=version)
    begun = [batch for batch in (next(found, None), next(found, None)) if batch is not None]
    if len(begun) == 1:
        yield _sorted(begun[0])
    elif _is_ascending(lake.batches(table, [key], columns=[ROW], version=version)):
        yield from chain(begun, found)
    else:
        yield _sorted(pa.concat_tables([*begun, *found]))


def _sorted(rows: pa.Table) -> pa.Table:
    return rows if _is_ascending([rows]) else rows.sort_by(ROW)


def _is_ascending(tables: Iterable[pa.Table]) -> bool:
    last = -1
    for table in tables:
        places = table.column(ROW).combine_chunks()
        if not len(places):
            continue
        rising = pc.all(pc.greater(places[1:], places[:-1])).as_py()
        if places[0].as_py() <= last or rising is False:
            return False
        last = places[-1].as_py()
    return True


def _of(rows: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    """Return stored rows with the columns that they came with, or those that are asked for."""
    received = as_received(rows)
    if columns is None:
        return received
    there = set(received.column_names)
    return pa.table(
        {
            name: received.column(name) if name in there else pa.nulls(rows.num_rows)
            for name in (*columns, PARTITION, ROW)
        }
    )
