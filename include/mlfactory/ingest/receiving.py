"""Receiving: the rows of a partition, as its source gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from mlfactory.ingest.near import has_times, near_rows
from mlfactory.ingest.readers import Part, Reader, reader_of
from mlfactory.ingest.readers.parquet import ParquetReader
from mlfactory.ingest.request import Request
from mlfactory.ingest.within import Within, rows_within
from mlfactory.lake.batches import Batched
from mlfactory.product.errors import ContractError


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
    reader = reader_of(request)
    (part,) = reader.parts()
    found, origin = _read(reader, part)
    return _received(request, found, part.name, origin)


def _read(reader: Reader[Any], part: Part) -> tuple[Within, Mapping[str, Any]]:
    request = reader.request
    if isinstance(reader, ParquetReader):
        with reader.dataset(part) as rows:
            if has_times(request, rows.schema):
                return near_rows(reader, part, rows), reader.told(part)
    source = request.source
    with reader.opened(part) as given:
        found = rows_within(
            given.tables,
            given.schema,
            source.event_time,
            request.partition,
            spelling=source.formats.get(source.event_time or ""),
            of_one=part.of_one,
        )
        if not found.seen:
            reader.refuse_empty(part)
        return found, reader.told(part)


def _received(request: Request, found: Within, place: str, origin: Mapping[str, Any]) -> Received:
    """Return what was found at `place`.

    Raises:
        ContractError: if there are rows, and the time of none of them can be read.
    """
    if found.seen and found.unreadable == found.seen:
        column = request.source.event_time
        first = f"; the first is '{found.example}'" if found.example else ""
        raise ContractError(
            f"{request.where}: {place}: no event time can be read in the column '{column}'{first}",
            remedy="give times as timestamps, or as text in ISO 8601 like 2013-04-01T05:00:00Z, or "
            "declare how they are written: "
            f"sources.{request.name}.formats: {{{column}: '%d/%m/%Y'}}",
        )
    return Received(
        found.rows,
        place,
        origin=origin,
        seen=found.seen,
        undated=found.undated,
        strays=found.strays,
        example=found.example,
    )
