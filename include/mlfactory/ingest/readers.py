"""Readers: one for each kind of source, giving the rows of a partition as they were received.

A reader never holds more than a piece of its file and the partition's own rows. The cells of a CSV
are text here: what type they are is decided when they are landed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset

from mlfactory.ingest.kinds import plain_schema
from mlfactory.ingest.opening import explained, opened, unchanged
from mlfactory.ingest.origin import Listing, origin_of
from mlfactory.ingest.outages import is_absent, is_outage
from mlfactory.ingest.places import PER_PARTITION, locate
from mlfactory.ingest.request import Request
from mlfactory.ingest.spool import Spool
from mlfactory.ingest.times import UTC_TIME, as_times
from mlfactory.ingest.within import Within, rows_within
from mlfactory.lake.batches import Batched, pieces_of
from mlfactory.product.code import at_line, product_function
from mlfactory.product.errors import (
    BuildError,
    ContractError,
    FactoryError,
    LateSourceError,
    ServiceError,
)
from mlfactory.product.sources import CsvSource, ParquetSource, PythonSource

_PIECE = 16 << 20
"""Bytes of a CSV that are held at once, about 170,000 rows of flights."""

_PLACE = "\0place"
"""No column of a file can have this name."""


@dataclass(frozen=True)
class Received:
    """The rows of a partition as their source gave them.

    Attributes:
        rows: a table where they fit one batch.
        place: the file or function they are from.
        origin: path, size and digest of the file or folder, of the very bytes that the rows are
            from; empty of a function.
        seen: how many rows the source holds, of all partitions.
        undated: how many of the rows have no event time that can be read.
        strays: how many rows have none and may be of the partition, which has no other row.
        example: the event time of one of those.
    """

    rows: pa.Table | Batched
    place: str
    origin: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 0
    undated: int = 0
    strays: int = 0
    example: str = ""


def receive(request: Request) -> Received:
    """Return the rows that a request asks for.

    Raises:
        ContractError: if the source is not what its contract says.
        ServiceError: if it cannot be reached, has not arrived, or changed while it was read.
        BuildError: if it is a function of the product, and that fails.
    """
    source = request.source
    if isinstance(source, PythonSource):
        return _from_function(request, source)
    file = locate(request.product, source.path, request.partition)
    with unchanged(request, file) as found:
        if isinstance(source, ParquetSource):
            received = _from_parquet(request, found)
        else:
            received = _from_csv(request, source, file)
        with explained(request, file):
            return replace(received, origin=origin_of(found))


def _from_csv(request: Request, source: CsvSource, file: Path) -> Received:
    with explained(request, file), opened(request, file) as stream:
        header = list(source.header) if source.header else _header(stream, source)
    if not header:
        raise ContractError(
            f"{request.where}: {file} is empty",
            remedy="ask for the file again; it needs a header and a row for each event",
        )
    names = [name or f"column_{place}" for place, name in enumerate(header)]
    request.check(names, str(file))
    with explained(request, file), opened(request, file) as stream:
        pieces = _csv_pieces(stream, source, header)
        tables = (pa.Table.from_batches([piece]).rename_columns(names) for piece in pieces)
        schema = pa.schema([(name, pa.string()) for name in names])
        received = rows_within(
            tables,
            schema,
            source.event_time,
            request.partition,
            spelling=source.formats.get(source.event_time or ""),
            of_one=PER_PARTITION in source.path,
        )
    if not received.seen and not (source.event_time and PER_PARTITION in source.path):
        has = "has no rows" if source.header else "has a header and no rows"
        raise ContractError(f"{request.where}: {file} {has}", remedy="ask for the file again")
    return _received(request, received, str(file))


def _csv_pieces(stream: Any, source: CsvSource, header: Sequence[str]) -> Iterator[pa.RecordBatch]:
    try:
        # one thread, so that an error can name its row
        yield from pyarrow.csv.open_csv(
            stream,
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=_PIECE,
                encoding=source.encoding,
                column_names=list(header) if source.header else None,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=source.delimiter, newlines_in_values=True
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                # other words mean no value only where the column turns out to be no text
                null_values=["", *source.missing],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" not in str(error):
            raise


_AHEAD = {"batch_readahead": 1, "fragment_readahead": 1}
"""How much of a dataset is read before it is asked for."""


def _from_parquet(request: Request, found: Listing) -> Received:
    source, file = request.source, found.path
    of_one = isinstance(source, ParquetSource) and PER_PARTITION in source.path
    with explained(request, file):
        if not found.files:
            raise LateSourceError(
                f"{request.where}: the folder {file} has no Parquet file",
                remedy="run it again when the files have arrived",
            )
        rows = _dataset(found)
        request.check(rows.schema.names, str(file))
        column = source.event_time
        kind = rows.schema.field(column).type if column else None
        if kind is not None and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            received = _near_rows(request, rows, of_one)
        else:
            received = rows_within(
                _tables(rows), rows.schema, column, request.partition, of_one=of_one
            )
    return _received(request, received, str(file))


def _dataset(found: Listing, schema: pa.Schema | None = None) -> Any:
    rows = pyarrow.dataset.dataset(
        [str(file) for file in found.files],
        schema,
        # by default what is read ahead of a slow reader is kept, in time all of a large file
        format=pyarrow.dataset.ParquetFileFormat(
            default_fragment_scan_options=pyarrow.dataset.ParquetFragmentScanOptions(
                pre_buffer=False
            )
        ),
        partitioning="hive" if found.is_folder else None,
        partition_base_dir=str(found.path) if found.is_folder else None,
    )
    plain = plain_schema(rows.schema)
    return rows if plain == rows.schema else _dataset(found, plain)


def _tables(
    rows: Any, wanted: Any = None, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yield rows of a dataset in their order, a piece at a time.

    A scan of a whole file keeps what it has read until it is taken, in time most of the file. So
    groups of rows are chosen by what the file tells of them, and rows when they are here.
    """
    for fragment in rows.get_fragments(filter=wanted):
        for group in fragment.split_by_row_group(wanted, rows.schema):
            for batch in group.to_batches(schema=rows.schema, columns=columns, **_AHEAD):
                table = pa.Table.from_batches([batch])
                yield table if wanted is None else table.filter(wanted)


def _near_rows(request: Request, rows: Any, of_one: bool) -> Within:
    """Return a partition's rows of a dataset that has times, reading no more rows than need be.

    Where a time is missing, its neighbours tell of which partitions the row may be: all times are
    read for that, and of the other columns what is near the partition or has no time.
    """
    column, partition = str(request.source.event_time), request.partition
    field, kind = pyarrow.dataset.field(column), rows.schema.field(column).type
    near = _near(request, field, kind)
    if not rows.count_rows(filter=field.is_null(), **_AHEAD):
        return rows_within(_tables(rows, near), rows.schema, column, partition, of_one=of_one)
    numbered = _numbered(_tables(rows, columns=[column]), column)
    schema = pa.schema([rows.schema.field(column), (_PLACE, pa.int64())])
    found = rows_within(numbered, schema, column, partition, of_one=of_one)
    # of the rows without a time, and of those with one by their place among them
    numbers = pa.chunked_array(
        [
            each.filter(pc.is_null(each[column]))[_PLACE].combine_chunks()
            for each in pieces_of(found.rows)
        ]
    )
    wanted = numbers.combine_chunks()
    kept = Spool(rows.schema)
    for table in _numbered(_tables(rows, near | field.is_null()), column):
        times = as_times(table[column])
        inside = pc.and_(
            pc.greater_equal(times, pa.scalar(partition.start, UTC_TIME)),
            pc.less(times, pa.scalar(partition.end, UTC_TIME)),
        )
        chosen = pc.if_else(pc.is_null(times), pc.is_in(table[_PLACE], wanted), inside)
        kept.add(table.filter(chosen).drop_columns([_PLACE]))
    return replace(found, rows=kept.changed(lambda table: table, kept.rows))


def _numbered(tables: Iterable[pa.Table], column: str) -> Iterator[pa.Table]:
    """Give tables in which rows without a time have their number among those."""
    so_far = 0
    for table in tables:
        absent = pc.is_null(table[column]).to_numpy()
        places = so_far + absent.cumsum() - 1
        so_far += int(absent.sum())
        yield table.append_column(_PLACE, pa.array(places, pa.int64()))


def _from_function(request: Request, source: PythonSource) -> Received:
    file = request.product.folder / f"{source.function.partition(':')[0]}.py"
    function = product_function(request.product, source.function)
    timed = source.event_time is not None
    bounds = (request.partition.start, request.partition.end) if timed else (None, None)
    try:
        frame = function(*bounds)
    except FactoryError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}{at_line(error, file)}"
        if is_absent(error):
            raise LateSourceError(
                f"{request.where}: {source.function} does not find its data: {told}",
                remedy="run it again when the data has arrived, or mend the function",
            ) from error
        if is_outage(error):
            raise ServiceError(
                f"{request.where}: {source.function} cannot reach its source: {told}",
                remedy="run it again when the source answers",
            ) from error
        raise BuildError(
            f"{request.where}: {source.function} raised {told}",
            remedy="mend the function and run it again",
        ) from error
    if not isinstance(frame, pd.DataFrame):
        raise BuildError(
            f"{request.where}: {source.function} returned {type(frame).__name__}",
            remedy="return a pandas DataFrame",
        )
    request.check([str(name) for name in frame.columns], source.function)
    table = _as_received(frame)
    received = rows_within([table], table.schema, source.event_time, request.partition, of_one=True)
    return _received(request, received, source.function)


def _received(request: Request, found: Within, place: str) -> Received:
    """Return what was found at `place`.

    Raises:
        ContractError: if there are rows, and the time of none of them can be read.
    """
    if found.seen and found.unreadable == found.seen:
        column = request.source.event_time
        first = f"; the first is '{found.example}'" if found.example else ""
        raise ContractError(
            f"{request.where}: {place}: no event time can be read in the column '{column}'{first}",
            remedy=f"write times in ISO 8601, like 2013-04-01T05:00:00Z, or declare how they are "
            f"written: sources.{request.name}.formats: {{{column}: '%d/%m/%Y'}}"
            if request.source.kind == "csv"
            else "give times as timestamps, or as text in ISO 8601 like 2013-04-01T05:00:00Z",
        )
    return Received(
        found.rows,
        place,
        seen=found.seen,
        undated=found.undated,
        strays=found.strays,
        example=found.example,
    )


def _near(request: Request, field: Any, kind: pa.DataType) -> Any:
    """Return a filter that keeps the partition's rows, and of dates perhaps a day more."""
    start, end = request.partition.start, request.partition.end
    if pa.types.is_date(kind):
        return (field >= start.date()) & (field <= end.date())
    if kind.tz is None:
        start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    return (field >= pa.scalar(start, kind)) & (field < pa.scalar(end, kind))


def _as_received(frame: pd.DataFrame) -> pa.Table:
    """Return a frame as a table; a column of several types becomes text, to be cast by cell."""
    columns: dict[str, pa.Array] = {}
    for name in frame.columns:
        try:
            columns[str(name)] = pa.array(frame[name], from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            texts = frame[name].map(str).where(frame[name].notna(), None)
            columns[str(name)] = pa.array(texts, pa.string(), from_pandas=True)
    table = pa.table(columns)
    plain = plain_schema(table.schema)
    return table if plain == table.schema else table.cast(plain)


def _header(stream: Any, source: CsvSource) -> list[str]:
    # Excel puts a byte order mark in front of UTF-8
    encoding = "utf-8-sig" if source.encoding.lower() in ("utf-8", "utf8") else source.encoding
    lines = csv.reader(
        io.TextIOWrapper(stream, encoding=encoding, newline=""), delimiter=source.delimiter
    )
    return next((line for line in lines if line), [])
