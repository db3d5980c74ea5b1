"""Cells in the types they should have: what can be read is cast, what cannot is told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.times import UTC_TIME, as_times
from mlfactory.product.sources import ColumnType

TYPES: Mapping[ColumnType, pa.DataType] = {
    "integer": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "datetime": UTC_TIME,
}

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^(?i:[+-]?inf)$"
_WHOLE = r"^[+-]?\d{1,18}(\.0*)?$"
_LEADING_ZEROS = r"^\s*[+-]?0\d"
_TOO_LONG_FOR_FLOAT = r"^\s*[+-]?\d{16}"
_TRUE = ("true", "t", "yes", "1")
_FALSE = ("false", "f", "no", "0")

_READABLE = 0.95
"""Share of a column's cells that must be of a type for the column to be taken to be of it."""


@dataclass(frozen=True)
class Cells:
    """A column in its type, null where a cell cannot be read; `unread` says where that is."""

    values: pa.ChunkedArray
    unread: pa.ChunkedArray


def cast_cells(column: pa.ChunkedArray, kind: pa.DataType) -> Cells:
    """Return `column` in the type `kind`, and which of its cells cannot be read as that."""
    if column.type == kind:
        return _all_read(column)
    if pa.types.is_timestamp(kind):
        return _compared(column, as_times(column))
    try:
        # exact for columns that have a type already; text is read by the stricter rules below
        if not _is_text(column):
            return _all_read(pc.cast(column, kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        column = pc.cast(column, pa.string())
    if kind == pa.string():
        return _all_read(pc.cast(column, kind))
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    if kind == pa.bool_():
        return _compared(text, _booleans(text))
    if kind == pa.int64():
        plain = pc.replace_substring_regex(text, r"^\+|\.0*$", "")
        return _compared(text, _where(text, _WHOLE, plain, kind))
    if kind == pa.float64():
        return _compared(text, _where(text, _NUMBER, text, kind))
    return _compared(text, pa.chunked_array([pa.nulls(len(text), kind)]))


def infer_type(column: pa.ChunkedArray) -> pa.DataType:
    """Return the type that a column landed for the first time is given.

    Text becomes numbers where nearly all of it can be read as numbers: a few wrong cells are
    rescued, and do not turn the column into text for ever. Whole numbers are integers only where
    none is missing. What numbers would change, such as leading zeros, is a code and stays text.
    """
    if not _is_text(column):
        return _storable(column.type)
    given = column.drop_null()
    if not len(given) or _some(given, _LEADING_ZEROS):
        return pa.string()
    if len(given) == len(column) and not _unread(given, pa.int64()):
        return pa.int64()
    if _some(given, _TOO_LONG_FOR_FLOAT):
        return pa.string()
    for kind in (pa.float64(), pa.bool_()):
        if _unread(given, kind) <= (1 - _READABLE) * len(given):
            return kind
    return pa.string()


def type_name(kind: pa.DataType) -> str:
    """Return the word that product.yaml has for a type."""
    return next((name for name, known in TYPES.items() if known == kind), str(kind))


def _is_text(column: pa.ChunkedArray) -> bool:
    kind = column.type
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _some(column: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, pattern)).as_py())


def _unread(column: pa.ChunkedArray, kind: pa.DataType) -> int:
    return int(pc.sum(cast_cells(column, kind).unread).as_py() or 0)


def _all_read(values: pa.ChunkedArray) -> Cells:
    return Cells(values, pa.chunked_array([pa.repeat(False, len(values))]))


def _compared(given: pa.ChunkedArray, values: pa.ChunkedArray) -> Cells:
    return Cells(values, pc.and_(pc.is_valid(given), pc.is_null(values)))


def _where(
    text: pa.ChunkedArray, pattern: str, plain: pa.ChunkedArray, kind: pa.DataType
) -> pa.ChunkedArray:
    fits = pc.match_substring_regex(text, pattern)
    return pc.cast(pc.if_else(fits, plain, pa.scalar(None, pa.string())), kind)


def _booleans(text: pa.ChunkedArray) -> pa.ChunkedArray:
    lower = pc.utf8_lower(text)
    true = pc.is_in(lower, pa.array(_TRUE))
    known = pc.or_(true, pc.is_in(lower, pa.array(_FALSE)))
    return pc.if_else(known, true, pa.scalar(None, pa.bool_()))


def _storable(kind: pa.DataType) -> pa.DataType:
    """Return the type in which the lake keeps a column that comes with the type `kind`."""
    if pa.types.is_dictionary(kind):
        return _storable(kind.value_type)
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_timestamp(kind):
        return UTC_TIME
    kept = pa.types.is_boolean(kind) or pa.types.is_date32(kind) or pa.types.is_nested(kind)
    return kind if kept else pa.string()
