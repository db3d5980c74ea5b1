"""A partition's rows of Parquet whose times have a type: no more is read than need be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from mlfactory.ingest.index import places_of
from mlfactory.ingest.origin import seen
from mlfactory.ingest.readers.base import Part
from mlfactory.ingest.readers.filesystem import path_of
from mlfactory.ingest.readers.parquet import ParquetReader, tables_of, without_value
from mlfactory.ingest.request import Request
from mlfactory.ingest.rules import moments_of
from mlfactory.ingest.spool import Spool
from mlfactory.ingest.times import UTC_TIME, as_times
from mlfactory.ingest.within import Within, rows_within
from mlfactory.lake.batches import pieces_of
from mlfactory.product.partitions import Calendar

_PLACE = "\0place"
"""No column of a file can have this name."""

_SPREAD = 3
"""Partitions in a group of rows, on average, up to which each partition reads what is near it."""


def is_near(reader: ParquetReader, parts: Sequence[Part]) -> bool:
    """Tell whether a partition's rows are found by what the files tell of their groups of rows.

    So it is where times have a type, and where a group is of few partitions. Where it is of many,
    each partition would read most of the files.
    """
    column, rows = reader.source.event_time, reader.rows
    if not column:
        return False
    kind = rows.schema.field(column).type if column in rows.schema.names else pa.null()
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return False
    return parts[0].of_one or _spread(rows, column, reader.request.product.calendar) <= _SPREAD


def _spread(rows: Any, column: str, calendar: Calendar) -> float:
    """Return how often the files would be read if each partition read what is near it."""
    count = read = 0
    for fragment in rows.get_fragments():
        for group in fragment.row_groups:
            told = (group.statistics or {}).get(column)
            count += group.num_rows
            if told is None:
                # no statistics, or no time at all
                read += group.num_rows * (1 if calendar.is_snapshot else 1 + _SPREAD)
                continue
            ends = pa.chunked_array([pa.array([told["min"], told["max"]])])
            first, last = places_of(calendar, moments_of(as_times(ends))).tolist()
            read += group.num_rows * (1 + last - first)
    return read / count if count else 0.0


def near_rows(request: Request, rows: Any, *, of_one: bool) -> Within:
    """Return a partition's rows of a dataset that has times, reading no more rows than need be.

    Where a time is missing, its neighbours tell of which partitions the row may be: all times are
    read for that, and of the other columns what is near the partition or has no time.
    """
    column, partition = str(request.source.event_time), request.partition
    field, kind = pyarrow.dataset.field(column), rows.schema.field(column).type
    near = _near(request, field, kind)
    if not without_value(rows, field):
        return rows_within(tables_of(rows, near), rows.schema, column, partition, of_one=of_one)
    numbered = _numbered(tables_of(rows, columns=[column]), column)
    schema = pa.schema([rows.schema.field(column), (_PLACE, pa.int64())])
    found = rows_within(numbered, schema, column, partition, of_one=of_one)
    wanted = _numbers_of_undated(found, column)
    kept = Spool(rows.schema)
    for table in _numbered(tables_of(rows, near | field.is_null()), column):
        times = as_times(table[column])
        inside = pc.and_(
            pc.greater_equal(times, pa.scalar(partition.start, UTC_TIME)),
            pc.less(times, pa.scalar(partition.end, UTC_TIME)),
        )
        chosen = pc.if_else(pc.is_null(times), pc.is_in(table[_PLACE], wanted), inside)
        kept.add(table.filter(chosen).drop_columns([_PLACE]))
    return replace(found, rows=kept.changed(lambda table: table, kept.rows))


def files_near(reader: ParquetReader, rows: Any) -> dict[str, Any]:
    """Return what the manifest says of the files that may have rows of the partition.

    Which those are is told by what each says of its groups of rows.
    """
    files = reader.listing.files
    if len(files) == 1:
        return {"version": seen(files[0])["version"]}
    if reader.source.per_partition:
        return {"read": [seen(file) for file in files]}
    column = str(reader.source.event_time)
    wanted = _near(reader.request, pyarrow.dataset.field(column), rows.schema.field(column).type)
    near = {
        fragment.path
        for fragment in rows.get_fragments(filter=wanted)
        if fragment.subset(wanted).row_groups
    }
    return {"read": [seen(file) for file in files if path_of(file) in near]}


def _numbers_of_undated(found: Within, column: str) -> pa.Array:
    """Return the numbers of rows without a time; those with one have theirs by place among them."""
    numbers = [
        each.filter(pc.is_null(each[column]))[_PLACE].combine_chunks()
        for each in pieces_of(found.rows)
    ]
    return pa.chunked_array(numbers).combine_chunks()


def _numbered(tables: Iterable[pa.Table], column: str) -> Iterator[pa.Table]:
    """Give tables in which rows without a time have their number among those."""
    so_far = 0
    for table in tables:
        absent = pc.is_null(table[column]).to_numpy()
        places = so_far + absent.cumsum() - 1
        so_far += int(absent.sum())
        yield table.append_column(_PLACE, pa.array(places, pa.int64()))


def _near(request: Request, field: Any, kind: pa.DataType) -> Any:
    """Return a filter that keeps the partition's rows, and of dates perhaps a day more."""
    start, end = request.partition.start, request.partition.end
    if pa.types.is_date(kind):
        return (field >= start.date()) & (field <= end.date())
    if kind.tz is None:
        start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    return (field >= pa.scalar(start, kind)) & (field < pa.scalar(end, kind))
