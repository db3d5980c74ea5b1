"""A file that somebody gives: rows of a source, read and typed as its landed rows are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from mlfactory.cleaning import Cleaning
from mlfactory.ingest.cells import type_name
from mlfactory.ingest.landing import (
    land,
    names_of_rows,
    refuse_typed,
    settled_types,
    spellings_of,
)
from mlfactory.ingest.receiving import receive
from mlfactory.ingest.request import FileRequest, Request
from mlfactory.ingest.times import UTC_TIME
from mlfactory.lake.batches import whole
from mlfactory.lake.catalog import RAW_HELPERS, REFUSED, RESCUED, raw
from mlfactory.lake.numbers import numbers_of
from mlfactory.lake.rows import as_frame
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import kinds_of
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import SNAPSHOT
from mlfactory.product.sources import CsvSource, JsonlSource, ParquetSource, Source

_PARQUET = (".parquet", ".pq")
_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Given:
    """The rows of a file, in its order, with the columns of the source's table.

    Attributes:
        rows: every row of the file, numbered from 0, in the types that the lake has.
        absent: columns of the table that the file lacks; they are null in `rows`.
        ignored: columns of the file that the table does not have; they are not in `rows`.
        reasons: why a row cannot be read or named, by its number, for those that cannot.
    """

    rows: pd.DataFrame
    absent: tuple[str, ...]
    ignored: tuple[str, ...]
    reasons: Mapping[int, str]


def read_given(product: Product, name: str, file: Path) -> Given:
    """Return the rows of `file`, which has the columns of the source `name`.

    A CSV is read as the source's own (delimiter, encoding, formats), whatever kind that is; cells
    are held to the types that the lake has for the columns, and then cleaned as landed ones are, by
    the steps that ask no other row.

    Raises:
        UsageError: if there is no such file, or nothing of the source was landed yet, so that no
            column has a type.
        ContractError: if the file cannot be read, or lacks its event time or key.
    """
    if not file.exists():
        raise UsageError(f"there is no file {file}", remedy="correct the path")
    standing = kinds_of(Lake(product.name).columns(raw(name)))
    if not standing:
        raise UsageError(
            f"{product.name}.{name}: nothing was landed yet, so nobody knows the types of its "
            "columns",
            remedy=f"mlfactory run {product.name} first",
        )
    source = product.spec.sources[name]
    request = _request(product, name, file)
    received = receive(request)
    refuse_typed(request, received.rows.schema, received.place)
    columns = [column for column in standing if column not in RAW_HELPERS]
    # whoever asks about a file gets all answers at once, so it must fit
    read = whole(received.rows)
    given = read.column_names
    known = [column for column in columns if column in given]
    types = settled_types(request, standing)
    if source.event_time:
        types[source.event_time] = UTC_TIME
    rows = read.select(known)
    spelled, numbers = spellings_of(request), numbers_of(request.source)
    landed = whole(land(rows, types, spelled, names_of_rows(request), numbers).rows)
    absent = tuple(column for column in columns if column not in given)
    for column in absent:
        landed = landed.append_column(column, pa.nulls(landed.num_rows, standing[column]))
    if source.clean:
        landed = Cleaning(product, name, landed.schema).of_rows(landed)
    reasons = dict(_unusable(landed, source))
    return Given(
        rows=as_frame(landed.select(columns)),
        absent=absent,
        ignored=tuple(column for column in given if column not in columns),
        reasons=reasons,
    )


def _request(product: Product, name: str, file: Path) -> Request:
    source = product.spec.sources[name]
    # without its event time a source gives all of its rows, of whatever partition
    path = str(file.absolute())
    asked: Source
    same: dict[str, Any] = {
        "key": source.key,
        "types": source.types,
        "pii": source.pii,
        "clean": source.clean,
    }
    if file.suffix.lower() in _PARQUET or file.is_dir():
        asked = ParquetSource(kind="parquet", path=path, **same)
    elif any(suffix.lower() in _LINES for suffix in file.suffixes):
        asked = JsonlSource(kind="jsonl", path=path, **same)
    elif isinstance(source, CsvSource):
        asked = source
    else:
        asked = CsvSource(kind="csv", path=path, **same)
    needed = {column: "part of its key" for column in source.key}
    if source.event_time:
        needed[source.event_time] = "its event_time"
    calendar = product.calendar
    now = calendar.parse(SNAPSHOT) if calendar.is_snapshot else calendar.containing(_now())
    return FileRequest(
        product,
        name,
        asked.model_copy(update={"event_time": None, "path": path, "columns": "any"}),
        now,
        needed,
        guards=False,
    )


def _unusable(rows: pa.Table, source: Source) -> Iterator[tuple[int, str]]:
    """Yield the rows that cannot be read, or lack what names them, with the first reason."""
    yield from _refused(rows)
    frame = rows.select([*source.key, *_time(source), RESCUED]).to_pandas()
    unread = frame[RESCUED].notna()
    null = frame[[*source.key, *_time(source)]].isna()
    for row in frame.index[unread | null.any(axis=1)]:
        if unread[row]:
            cells: dict[str, str] = json.loads(frame.loc[row, RESCUED])
            yield (
                int(row),
                "; ".join(
                    f"{column}: '{text}' cannot be read as {type_name(rows[column].type)}"
                    for column, text in cells.items()
                ),
            )
        else:
            yield int(row), f"'{null.columns[null.loc[row]][0]}' is empty"


def _refused(rows: pa.Table) -> Iterator[tuple[int, str]]:
    """Yield the rows that cleaning would put into quarantine, with its reasons."""
    if REFUSED in rows.column_names:
        for row, noted in enumerate(rows.column(REFUSED).to_pylist()):
            if noted is not None:
                yield row, "; ".join(told for _, told in json.loads(noted))


def _time(source: Source) -> list[str]:
    return [source.event_time] if source.event_time and source.event_time not in source.key else []


def _now() -> datetime:
    return datetime.now(UTC)
