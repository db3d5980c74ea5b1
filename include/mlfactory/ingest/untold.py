"""Columns whose types the source does not tell: known when the last row was seen.

SQLite and JSON have a type for each value and none for a column. So the answer is kept as it comes,
in memory or beyond a batch on disk, until all of it was seen: no first thousand rows decide what
may come later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.kinds import LARGEST_EXACT, as_text, holds_long
from mlfactory.ingest.spool import MixedSpool
from mlfactory.ingest.times import UTC_TIME

_HELD = 16 << 20
"""Bytes of the answer that are kept in memory."""


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
    if value == value.to_integral_value() and abs(value) > LARGEST_EXACT:
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
    elif kinds <= {int, float, Decimal} and not _any_long(values):
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
        self._long: set[str] = set()
        self._kept = MixedSpool(_HELD)

    @property
    def schema(self) -> pa.Schema:
        """Return the types that hold all that was added; text for what was always empty.

        Whole numbers that no float holds are text as well, where fractions came beside them.
        """
        return pa.schema([(name, self._kind(name)) for name in self._kinds])

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
            if holds_long(table.column(field.name)):
                self._long.add(field.name)
        self._kept.add(table)
        return int(table.nbytes)

    def tables(self) -> Iterator[pa.Table]:
        """Yield all rows in their order, in the types of `schema`."""
        schema = self.schema
        for table in self._kept:
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

    def _kind(self, name: str) -> pa.DataType:
        kind = self._kinds[name]
        rounds = name in self._long and pa.types.is_floating(kind)
        return pa.string() if rounds or pa.types.is_null(kind) else kind


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


def _any_long(values: Sequence[Any]) -> bool:
    return any(isinstance(value, int) and abs(value) > LARGEST_EXACT for value in values)


def _float(value: Any) -> float | None:
    if isinstance(value, Decimal) and value.is_finite():
        return exact_float(value)
    return None if value is None else float(value)
