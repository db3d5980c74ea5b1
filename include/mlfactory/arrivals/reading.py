"""Looking into a file: how many rows of which partitions it has.

It is read once: what was split of it for that is what its partitions then land.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.arrivals.known import Rows
from mlfactory.arrivals.looking import Lying
from mlfactory.ingest.index import partition_at, places_of
from mlfactory.ingest.marks import Marks
from mlfactory.ingest.near import is_near
from mlfactory.ingest.once import kept_part
from mlfactory.ingest.opening import explained
from mlfactory.ingest.origin import Listing, origin_of, seen
from mlfactory.ingest.readers import Part, Reader, reader_of
from mlfactory.ingest.readers.parquet import ParquetReader, dataset_of
from mlfactory.ingest.receiving import refuse_unreadable
from mlfactory.ingest.request import FileRequest, Request, request_for
from mlfactory.ingest.rules import moments_of
from mlfactory.ingest.times import as_times
from mlfactory.lake.store import product_store
from mlfactory.product.errors import ContractError, LateSourceError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import SNAPSHOT, Calendar, Partition

_READ_WHOLE = 1 << 30
"""Bytes of Parquet that is its own index up to which all cells are read, to tell corrected rows.
Of a larger file the times are, and a partition counts as corrected when it has more or fewer."""


class Looker:
    """Looks into the files of a source.

    What it raises is what a landing would: `list_all` as `Reader.parts`, `rows_of` as
    `Reader.opened`.

    Args:
        broken: files that are known to be, by address: no other is kept from being read by them.
    """

    def __init__(
        self, product: Product, name: str, some: Partition, broken: Collection[str] = ()
    ) -> None:
        self._product = product
        request = request_for(product, name, some, (), broken, FileRequest)
        self._reader: Reader[Any] = reader_of(request)
        self._parts: dict[str, Part] = {}

    def list_all(self, there: Sequence[Lying]) -> dict[str, ContractError]:
        """List all files, as a landing does; of those of one partition each is told by its name.

        Args:
            there: what lies there.

        Returns:
            Which of these keep the others from being listed, by address, and why: they are left
            out. Parquet is opened for that.
        """
        try:
            self._list()
            return {}
        except ContractError:
            request = self._reader.request
            found = {each.address: why for each in there if (why := _problem_of(request, each))}
            if not found:
                raise
        left_out = request.left_out | found.keys()
        self._reader = reader_of(replace(request, left_out=left_out))
        if any(each.address not in left_out for each in there):
            self._list()
        return found

    def _list(self) -> None:
        self._parts = {part.name: part for part in self._reader.parts()}

    def rows_of(self, lying: Lying) -> tuple[Rows, Mapping[str, Any]]:
        """Return what a file has, and what a manifest would say of it."""
        if lying.key:
            # its own partition's, which lands it whole
            told = {**seen(lying.file), **origin_of(lying.file)}
            return {lying.key: (None, str(told["digest"]))}, told
        reader, parts = self._reader, self._parts
        part = parts.get(lying.address)
        if part is None:
            raise LateSourceError(f"{lying.address} is gone", remedy="nothing is to be done")
        if isinstance(reader, ParquetReader) and is_near(reader, list(parts.values())):
            return self._near(reader, part, lying), seen(lying.file)
        index = kept_part(reader, part, product_store(self._product.name)).index
        told = {name: value for name, value in index.origin.items() if name != "part"}
        if not reader.source.event_time:
            return {SNAPSHOT: (index.rows.get(0, 0), index.marks.get(0, ""))}, told
        refuse_unreadable(reader.request, lying.address, index)
        return _by_key(self._product.calendar, index.rows, index.marks), told

    def _near(self, reader: ParquetReader, part: Part, lying: Lying) -> Rows:
        calendar, column = self._product.calendar, str(reader.source.event_time)
        whole = lying.file.size <= _READ_WHOLE
        with reader.opened(part, None if whole else [column]) as given:
            marks = Marks(given.schema)
            for table in given.tables:
                rows, places = _placed(table, column, calendar)
                marks.take(rows, places)
        return _by_key(calendar, marks.rows, marks.of_each() if whole else {})


def _problem_of(request: Request, lying: Lying) -> ContractError | None:
    """Return why a file cannot be listed even by itself, None if it can."""
    if request.source.kind != "parquet":
        return None
    try:
        with explained(request, lying.address):
            dataset_of(Listing(lying.address, (lying.file,)))
    except ContractError as error:
        return error
    return None


def some_partition(product: Product, keys: Sequence[str]) -> Partition:
    """Return a partition to ask a source for whose files are of any."""
    calendar = product.calendar
    if calendar.is_snapshot:
        return calendar.parse(SNAPSHOT)
    if keys:
        return calendar.parse(keys[0])
    return calendar.containing(calendar.first) if calendar.first else partition_at(calendar, 0)


def _placed(table: pa.Table, column: str, calendar: Calendar) -> tuple[pa.Table, Any]:
    """Return the rows that have a time in the order of their partitions, and those."""
    times = as_times(table.column(column))
    rows = table.filter(pc.is_valid(times)) if times.null_count else table
    places = places_of(calendar, moments_of(times.drop_null()))
    if (np.diff(places) < 0).any():
        order = np.argsort(places, kind="stable")
        rows, places = rows.take(pa.array(order)), places[order]
    return rows, places


def _by_key(calendar: Calendar, rows: dict[int, int], marks: dict[int, str]) -> Rows:
    found: Rows = {}
    for place, count in rows.items():
        try:
            partition = partition_at(calendar, place)
        except UsageError:
            continue  # a mistaken time, far from any partition
        if calendar.first is None or partition.start >= calendar.first:
            found[partition.key] = (count, marks.get(place, ""))
    return dict(sorted(found.items()))
