"""A partition that is written from a stream: files of rows first, then one commit that names them.

Until the commit nobody sees the files; those that never had one are removed by upkeep. The library
has a stream of its own, which holds a gigabyte and leaves the rows in another order.
"""

from __future__ import annotations

import json
import math
import secrets
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from mlfactory.lake.catalog import PARTITION
from mlfactory.lake.delta import schema_of
from mlfactory.lake.store import Store, store_at
from mlfactory.product.errors import FactoryError, ServiceError

_FILE = 64 * 1024 * 1024
"""Bytes at which a file is full: upkeep never makes such files one, so they keep their order."""

_TOLD = 32
"""Of so many columns the log tells the smallest and largest value, as the library does."""

_LONGEST = 64
"""Bytes of a text that the log tells; what is longer is cut, the larger end rounded up."""


@dataclass
class Written:
    """The files of a partition, before they are committed.

    Attributes:
        schema: of the whole table, with the columns that these rows add to it.
    """

    address: str
    partition: str
    schema: pa.Schema
    files: list[AddAction | RemoveAction] = field(default_factory=list)

    def commit(self, delta: DeltaTable) -> None:
        """Make these files those of the partition, in one commit on top of where `delta` stands.

        Raises:
            CommitFailedError: another writer was faster, in whatever partition.
            ServiceError: the table has other columns than when the rows were written.
        """
        standing = schema_of(delta, None)
        own = set(self.schema.names)
        for column in standing:
            mine = self.schema.field(column.name) if column.name in own else None
            if mine is not None and mine.type != column.type:
                raise ServiceError(
                    f"{self.address}: column '{column.name}' became {column.type} while partition "
                    f"{self.partition} was being written with {mine.type}",
                    remedy="run the stage again",
                )
        added = [each for each in self.schema if each.name not in standing.names]
        delta.create_write_transaction(
            self.files,
            "overwrite",
            pa.schema([*standing, *added]),
            [PARTITION],
            partition_filters=[(PARTITION, "=", self.partition)],
            # two that fill one empty partition would both be let through
            commit_properties=CommitProperties(max_commit_retries=0),
        )
        delta.update_incremental()

    def discard(self) -> None:
        """Remove the files, which nobody has seen."""
        store = store_at(self.address)
        for file in self.files:
            with suppress(FactoryError, OSError):
                store.delete(file.path)


def write_files(
    address: str, partition: str, schema: pa.Schema, tables: Iterable[pa.Table]
) -> Written:
    """Write rows as files of a table, each table one group of rows of a file.

    Args:
        schema: of the whole table; `tables` have these columns, in this order.
    """
    written = Written(address, partition, schema)
    store, run = store_at(address), secrets.token_hex(16)
    own = pa.schema([each for each in schema if each.name != PARTITION])
    folder = f"{PARTITION}={quote(partition, safe='')}"
    file: _File | None = None
    try:
        for table in tables:
            file = file or _File(own)
            file.take(table)
            if file.size() >= _FILE:
                written.files.append(file.leave(store, folder, len(written.files), run, partition))
                file = None
        if file is not None:
            written.files.append(file.leave(store, folder, len(written.files), run, partition))
    except BaseException:
        written.discard()
        raise
    return written


class _File:
    """A file of rows that is being made, in memory."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._sink = pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(self._sink, schema, compression="snappy")

    def size(self) -> int:
        return int(self._sink.tell())

    def take(self, table: pa.Table) -> None:
        self._writer.write_table(
            table.select(self._schema.names), row_group_size=max(table.num_rows, 1)
        )

    def leave(self, store: Store, folder: str, number: int, run: str, partition: str) -> AddAction:
        self._writer.close()
        content = self._sink.getvalue().to_pybytes()
        # names sort as the rows lie
        name = f"{folder}/part-{number:05d}-{run}.snappy.parquet"
        store.write(name, content)
        told = _statistics(pq.read_metadata(pa.BufferReader(content)), self._schema)
        return AddAction(
            name, len(content), {PARTITION: partition}, int(time.time() * 1000), True, told
        )


def _statistics(file: pq.FileMetaData, schema: pa.Schema) -> str:
    """Return what the log tells of a file: rows, and of columns the ends and how many are null."""
    told: dict[str, Any] = {
        "numRecords": file.num_rows,
        "minValues": {},
        "maxValues": {},
        "nullCount": {},
    }
    places = {file.schema.column(place).path: place for place in range(file.num_columns)}
    groups = [file.row_group(number) for number in range(file.num_row_groups)]
    for each in list(schema)[:_TOLD]:
        place = places.get(each.name)
        found = [] if place is None else [group.column(place).statistics for group in groups]
        if not found or any(one is None or not one.has_null_count for one in found):
            continue  # nested, or not told
        told["nullCount"][each.name] = sum(one.null_count for one in found)
        with suppress(OverflowError, ValueError):  # times that Python has no word for
            least, most = _ends(found, each.type)
            if least is not None and most is not None:
                told["minValues"][each.name], told["maxValues"][each.name] = least, most
    return json.dumps(told, ensure_ascii=False)


def _ends(groups: Sequence[pq.Statistics], kind: pa.DataType) -> tuple[Any, Any]:
    """Return between what the values of a column are, as the log tells; None if it cannot."""
    given = [one for one in groups if one.num_values]
    numbers = [one for one in given if one.has_min_max]
    # of floats none of which is a number there are no ends
    if not numbers or (len(numbers) < len(given) and not pa.types.is_floating(kind)):
        return None, None
    least, most = min(one.min for one in numbers), max(one.max for one in numbers)
    if isinstance(least, str):
        return _cut(least), _rounded_up(most)
    if isinstance(least, bytes) or (isinstance(least, float) and not math.isfinite(most - least)):
        return None, None
    if least == most and len(numbers) < len(given):
        # readers take what has one value, and no null, for that value in every row
        most = math.nextafter(most, math.inf)
    return _as_told(least), _as_told(most)


def _cut(text: str) -> str:
    return text.encode()[:_LONGEST].decode(errors="ignore")


def _rounded_up(text: str) -> str | None:
    """Return a text that is not too long and no smaller than another; None if there is none."""
    found = _cut(text)
    if found == text:
        return text
    while found:
        # behind the last letter that Unicode has there is none, and surrogates are none
        following = ord(found[-1]) + 1
        if following <= sys.maxunicode:
            return found[:-1] + chr(0xE000 if following == 0xD800 else following)
        found = found[:-1]
    return None


def _as_told(value: Any) -> Any:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return f"{aware.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
