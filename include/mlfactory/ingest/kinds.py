"""Kinds of columns that typed sources have: which the lake keeps, and which become text."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.times import UTC_TIME

_DIGITS_OF_INTEGER = 18
"""Decimal digits that 64 bits hold whatever they are."""

LARGEST_EXACT = 2**53
"""The largest whole number up to which a float holds all."""


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a type is one of Arrow's types of text."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def without_views(kind: pa.DataType) -> pa.DataType:
    """Return a type that holds the same as `kind` and that rows can be picked from.

    Of Arrow's views, in which some tools keep text and lists, none of its functions picks rows.
    """
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_list_view(kind) or pa.types.is_list(kind):
        return pa.list_(_without_views(kind.value_field))
    if pa.types.is_large_list_view(kind) or pa.types.is_large_list(kind):
        return pa.large_list(_without_views(kind.value_field))
    if pa.types.is_struct(kind):
        return pa.struct([_without_views(part) for part in kind])
    return kind


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema of columns `without_views`."""
    return pa.schema([_without_views(part) for part in schema])


def stored_as(kind: pa.DataType, fits: bool) -> pa.DataType:
    """Return the type in which the lake keeps a column that comes with a type of its own.

    Lists and structs are kept as such where all that they hold can be; what nothing else can hold,
    such as ids, bytes, durations and structs without a field, becomes text.

    Args:
        fits: what `fits_as_stored` says of the column.
    """
    if _may_not_fit(kind):
        return _wanted(kind) if fits else pa.string()
    return _kept(kind)


def fits_as_stored(column: pa.ChunkedArray) -> bool:
    """Tell whether all of a column, or of a part of it, fits into what becomes of it."""
    kind = column.type
    if not _may_not_fit(kind):
        return True
    return not _holds_unkept(kind) and _fits(column, _wanted(kind))


def _may_not_fit(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind)) or _is_long_decimal(kind)


def _wanted(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if _is_long_decimal(kind) else _kept(kind)


def _is_long_decimal(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_decimal(kind) and kind.scale <= 0 and kind.precision > _DIGITS_OF_INTEGER
    )


def holds_long(column: pa.ChunkedArray) -> bool:
    """Tell whether a column has a whole number whose digits a float would lose."""
    if not pa.types.is_integer(column.type) or column.type.bit_width < 64:
        return False
    ends = pc.min_max(column).as_py()
    return ends["max"] is not None and (ends["max"] > LARGEST_EXACT or ends["min"] < -LARGEST_EXACT)


def fields_in(kind: pa.DataType, above: str = "") -> set[str]:
    """Return the fields of the structs in a type, by where they stand in it."""
    if pa.types.is_struct(kind):
        parts = {f"{above}.{part.name}": part.type for part in kind}
        return set(parts).union(*(fields_in(part, name) for name, part in parts.items()))
    if pa.types.is_nested(kind) and kind.num_fields == 1:
        return fields_in(kind.field(0).type, above)
    return set()


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of any type as text; null where that cannot be told, as of odd bytes.

    Ids of 16 bytes are written as such, other bytes of a fixed length in hexadecimal, bytes of any
    length as the UTF-8 that they hold, lists and structs as JSON.
    """
    kind = column.type
    if is_text(kind):
        return pc.cast(column, pa.string())
    if not pa.types.is_nested(kind) and not _is_bytes(kind):
        try:
            return pc.cast(column, pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    texts = [None if value is None else _text(value, kind) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _without_views(part: pa.Field) -> pa.Field:
    return part.with_type(without_views(part.type))


def _kept(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _kept(kind.value_type)
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_decimal(kind):
        whole = kind.scale <= 0 and kind.precision <= _DIGITS_OF_INTEGER
        return pa.int64() if whole else pa.float64()
    if pa.types.is_floating(kind):
        return pa.float64()
    if pa.types.is_timestamp(kind):
        return UTC_TIME
    if pa.types.is_date(kind):
        return pa.date32()
    if pa.types.is_boolean(kind):
        return kind
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(_kept(kind.value_type))
    if pa.types.is_struct(kind) and kind.num_fields:
        return pa.struct([(part.name, _kept(part.type)) for part in kind])
    return pa.string()


def _fits(column: pa.ChunkedArray, kind: pa.DataType) -> bool:
    try:
        pc.cast(column, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True


def _is_bytes(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return True
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _holds_unkept(kind: pa.DataType) -> bool:
    """Tell whether a type holds bytes, or a struct without a field, which Parquet has not."""
    if not pa.types.is_nested(kind):
        return _is_bytes(kind)
    if not kind.num_fields:
        return True
    return any(_holds_unkept(kind.field(place).type) for place in range(kind.num_fields))


def _text(value: Any, kind: pa.DataType) -> str | None:
    if isinstance(value, bytes):
        if pa.types.is_fixed_size_binary(kind):
            return value.hex()
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None
    if isinstance(value, uuid.UUID | str):
        return str(value)
    return json.dumps(value, default=str, ensure_ascii=False)
