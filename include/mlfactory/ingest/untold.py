"""Columns whose types the source does not tell: known when the last row was seen.

SQLite and JSON have a type for each value and none for a column. So the answer is kept as it comes,
in memory or beyond a batch on disk, until all of it was seen: no first thousand rows decide what
may come later.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from mlfactory.ingest.kinds import as_text
from mlfactory.ingest.times import UTC_TIME
from mlfactory.product.errors import DiskFullError, is_disk_full
from mlfactory.settings import settings

_HELD = 16 << 20
"""Bytes of the answer that are kept in memory."""

_LARGEST_EXACT = 2**53
"""The largest whole number up to which a float holds all."""


class Inexact(ValueError):
    """A value that the type of its column cannot hold; its text says which."""


def written_as_text(value: Any) -> str:
    """Return a value as text; what has parts is JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | dict | list | tuple):
        return json.dumps(value, default=str, ensure_ascii=False)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)


def exact_float(value: Any) -> float:
    """Return a number as a float, where that keeps all digits of a whole one.

    Raises:
        Inexact: if digits would be lost: it may well be an id.
    """
    if value == value.to_integral_value() and abs(value) > _LARGEST_EXACT:
        raise Inexact(
            f"{value} has more digits than a float holds; cast it in the query, to bigint or text"
        )
    return float(value)


def loose_array(values: Sequence[Any]) -> pa.Array:
    """Return values in the narrowest type that holds all of them; text where none does."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {date}:
        return pa.array(values, pa.date32())
    if kinds <= {date, datetime}:
        return pa.array([_moment(value) for value in values], UTC_TIME)
    if kinds <= {bytes, bytearray, memoryview}:
        return pa.array([None if value is None else bytes(value) for value in values], pa.binary())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int}:
        try:
            return pa.array(values, pa.int64())
        except OverflowError:
            pass  # more than 64 bits hold: its digits are kept as text
    elif kinds <= {int, float, Decimal}:
        return pa.array([_float(value) for value in values], pa.float64())
    texts = [None if value is None else written_as_text(value) for value in values]
    return pa.array(texts, pa.string())


class Untold:
    """Rows whose columns, and their types, are known when all were added.

    Args:
        names: the columns that there are in any case, in their order.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._kinds: dict[str, pa.DataType] = dict.fromkeys(names, pa.null())
        self._held: list[pa.Table] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._lengths: list[int] = []

    @property
    def schema(self) -> pa.Schema:
        """Return the types that hold all that was added; text for what was always empty."""
        return pa.schema(
            [
                (name, pa.string() if pa.types.is_null(kind) else kind)
                for name, kind in self._kinds.items()
            ]
        )

    def add(self, columns: Mapping[str, Sequence[Any]]) -> int:
        """Keep rows, given by column; returns their bytes.

        Raises:
            DiskFullError: if there is no room for them.
            Inexact: if a number cannot be kept.
        """
        table = pa.table({name: loose_array(values) for name, values in columns.items()})
        for field in table.schema:
            known = self._kinds.get(field.name, pa.null())
            self._kinds[field.name] = _wider(known, field.type)
        self._held.append(table)
        self._bytes += table.nbytes
        if self._bytes > _HELD:
            self._spill()
        return int(table.nbytes)

    def tables(self) -> Iterator[pa.Table]:
        """Yield all rows in their order, in the types of `schema`."""
        schema = self.schema
        for table in self._whole():
            had = set(table.schema.names)
            yield pa.table(
                [
                    _cast(table.column(field.name), field.type)
                    if field.name in had
                    else pa.nulls(table.num_rows, field.type)
                    for field in schema
                ],
                schema=schema,
            )

    def _whole(self) -> Iterable[pa.Table]:
        yield from self._spilled()
        yield from self._held

    def _spill(self) -> None:
        try:
            if self._file is None:
                folder = settings().spool_folder
                folder.mkdir(parents=True, exist_ok=True)
                self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - read much later
            for table in self._held:
                packed = io.BytesIO()
                with pa.ipc.new_stream(packed, table.schema) as writer:
                    writer.write_table(table)
                self._lengths.append(self._file.write(packed.getbuffer()))
            self._file.flush()
        except OSError as error:
            if is_disk_full(error):
                raise DiskFullError(str(settings().spool_folder)) from error
            raise
        self._held, self._bytes = [], 0

    def _spilled(self) -> Iterator[pa.Table]:
        if self._file is None:
            return
        self._file.seek(0)
        for length in self._lengths:
            yield pa.ipc.open_stream(self._file.read(length)).read_all()


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the narrowest type that holds what either does."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    both = {one, other}
    if both == {pa.int64(), pa.float64()}:
        return pa.float64()
    return UTC_TIME if both == {pa.date32(), UTC_TIME} else pa.string()


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    if pa.types.is_null(column.type):
        return pa.chunked_array([pa.nulls(len(column), kind)])
    if kind == UTC_TIME:
        return pc.assume_timezone(pc.cast(column, pa.timestamp("us")), "UTC")
    return as_text(column) if kind == pa.string() else pc.cast(column, kind, safe=False)


def _moment(value: date | None) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day)


def _float(value: Any) -> float | None:
    if isinstance(value, Decimal) and value.is_finite():
        return exact_float(value)
    return None if value is None else float(value)
