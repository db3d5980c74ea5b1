"""Receiving: the rows of a partition, as its source gave them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from mlfactory.ingest.index import Index
from mlfactory.ingest.near import files_near, is_near, near_rows
from mlfactory.ingest.once import received_once
from mlfactory.ingest.readers import Part, Reader, reader_of
from mlfactory.ingest.readers.files import FileReader
from mlfactory.ingest.readers.parquet import ParquetReader
from mlfactory.ingest.request import Request
from mlfactory.ingest.widening import fitted, widest
from mlfactory.ingest.within import Within, rows_within
from mlfactory.lake.batches import Batched
from mlfactory.lake.store import Store
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


def receive(request: Request, store: Store | None = None) -> Received:
    """Return the rows that a request asks for.

    Args:
        store: where files are kept, split by partition, so that each is read once; without one
            they are read for this request.

    Raises:
        ContractError: if the source is not what its contract says.
        ServiceError: if it cannot be reached, has not arrived, or changed while it was read.
        BuildError: if it is a function of the product, and that fails.
    """
    reader = reader_of(request)
    parts = reader.parts()
    place = reader.place(parts)
    if isinstance(reader, ParquetReader) and is_near(reader, parts):
        with reader.whole() as rows:
            request.check(rows.schema.names, place)
            found = near_rows(request, rows, of_one=parts[0].of_one)
            told = {**reader.origin(), **files_near(reader, rows)}
            return _received(request, found, place, told)
    if store is not None and all(part.fingerprint and not part.of_one for part in parts):
        found, origin = received_once(reader, parts, store)
    else:
        found, origin = _received_now(reader, parts)
    return _received(request, found, place, origin)


def _received_now(reader: Reader[Any], parts: Sequence[Part]) -> tuple[Within, Mapping[str, Any]]:
    """Read parts for one request, in their order."""
    request, source = reader.request, reader.source
    schemas = []
    for part in parts if len(parts) > 1 else ():
        with reader.opened(part) as given:
            schemas.append(given.schema)
    together = widest(schemas)
    told: list[Mapping[str, Any]] = []

    def tables() -> Iterator[pa.Table]:
        for part in parts:
            with reader.opened(part) as given:
                for table in given.tables:
                    yield fitted(table, together)
                told.append(reader.told(part))

    def within(tables: Iterable[pa.Table], schema: pa.Schema) -> Within:
        return rows_within(
            tables,
            schema,
            source.event_time,
            request.partition,
            spelling=source.formats.get(source.event_time or ""),
            of_one=parts[0].of_one,
        )

    if len(parts) == 1:
        with reader.opened(parts[0]) as given:
            found = within(given.tables, given.schema)
            told.append(reader.told(parts[0]))
            if not found.seen:
                reader.refuse_empty(parts[0])
    else:
        request.check(together.names, reader.place(parts))
        found = within(tables(), together)
        if not found.seen:
            reader.refuse_empty(parts[0])
    if len(parts) == 1:
        return found, told[0]
    is_of_files = isinstance(reader, FileReader)
    return found, {**reader.origin(), **({"read": told} if is_of_files else {})}


def _received(request: Request, found: Within, place: str, origin: Mapping[str, Any]) -> Received:
    """Return what was found at `place`.

    Raises:
        ContractError: if there are rows, and the time of none of them can be read.
    """
    refuse_unreadable(request, place, found)
    return Received(
        found.rows,
        place,
        origin=origin,
        seen=found.seen,
        undated=found.undated,
        strays=found.strays,
        example=found.example,
    )


def refuse_unreadable(request: Request, place: str, found: Within | Index) -> None:
    """Refuse rows of which none has a time that can be read.

    Raises:
        ContractError: there are rows, and they are such.
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
