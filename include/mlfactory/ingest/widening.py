"""Rows whose columns are known only when all of them were seen: kept, and given in one schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.kinds import as_text, holds_long, plain_schema
from mlfactory.ingest.spool import MixedSpool

if TYPE_CHECKING:
    from mlfactory.ingest.readers.base import Rows

_LONG = b"long"
_MARK = {_LONG: b"yes"}
"""What a column of a schema carries where it has whole numbers that no float holds."""

_ROWS = b"rows"
_NONE = {_ROWS: b"none"}
"""What a schema carries whose columns are those that are asked for, as there is no row."""


def widened(tables: Iterable[pa.Table]) -> Rows:
    """Take all tables, and give their rows with the columns that any of them has.

    They are kept in memory up to a batch, beyond that on disk. A column has a type that holds all
    of its values: of whole numbers and fractions these, unless digits of one would be lost; of
    values of different kinds text.
    """
    from mlfactory.ingest.readers.base import Rows  # readers import this

    kept = MixedSpool()
    schemas: dict[pa.Schema, None] = {}
    for table in tables:
        schemas[_marked(table)] = None
        kept.add(table)
    schema = widest(list(schemas))
    return Rows(schema, (fitted(table, schema) for table in kept))


def schema_of_none(names: Iterable[str]) -> pa.Schema:
    """Return the columns of a file without a row, where nobody knows them and none is missed.

    Beside files that have rows it counts for nothing.
    """
    return pa.schema([(name, pa.null()) for name in dict.fromkeys(names)], metadata=_NONE)


def widest(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Return the columns that any of the schemas has, in types that hold the values of all."""
    kinds: dict[str, pa.DataType] = {}
    long: set[str] = set()
    # what has no row tells nothing of the columns that others lack
    for schema in [each for each in schemas if not _is_of_none(each)] or schemas:
        for field in schema:
            known = kinds.get(field.name)
            kinds[field.name] = field.type if known is None else _wider(known, field.type)
            if field.metadata and _LONG in field.metadata:
                long.add(field.name)
    for name in long:
        if pa.types.is_floating(kinds[name]):
            kinds[name] = pa.string()
    plain = plain_schema(pa.schema(kinds.items()))
    return pa.schema(
        [field.with_metadata(_MARK) if field.name in long else field for field in plain]
    )


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the columns of a schema that `widest` made of its own and others."""
    if table.schema.equals(schema):
        return table
    given = set(table.column_names)
    return pa.table(
        {
            field.name: _as(table.column(field.name), field.type)
            if field.name in given
            else pa.nulls(table.num_rows, field.type)
            for field in schema
        },
        schema=schema,
    )


def _is_of_none(schema: pa.Schema) -> bool:
    return bool(schema.metadata) and schema.metadata.get(_ROWS) == _NONE[_ROWS]


def _marked(table: pa.Table) -> pa.Schema:
    """Return the schema of a table, with a mark at the numbers that would be rounded as floats."""
    return pa.schema(
        [
            field.with_metadata(_MARK) if holds_long(table.column(place)) else field
            for place, field in enumerate(table.schema)
        ]
    )


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one.equals(other) or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if pa.types.is_list(one) and pa.types.is_list(other):
        inner = _wider(one.value_type, other.value_type)
        mixed = _is_mixed(inner, one.value_type, other.value_type)
        return pa.string() if mixed else pa.list_(inner)
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        parts = {part.name: part.type for part in one}
        for part in other:
            known = parts.setdefault(part.name, part.type)
            parts[part.name] = _wider(known, part.type)
            if _is_mixed(parts[part.name], known, part.type):
                return pa.string()
        return pa.struct(list(parts.items()))
    if pa.types.is_primitive(one) and pa.types.is_primitive(other):
        try:
            both = [pa.schema([("n", kind)]) for kind in (one, other)]
            return pa.unify_schemas(both, promote_options="permissive").field("n").type
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            pass
    return pa.string()


def _is_mixed(both: pa.DataType, *kinds: pa.DataType) -> bool:
    """Tell whether values became text beside others; within a value none becomes another."""
    if not pa.types.is_string(both):
        return False
    return not all(pa.types.is_string(kind) or pa.types.is_null(kind) for kind in kinds)


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type.equals(kind):
        return column
    if pa.types.is_null(column.type):
        return pa.chunked_array([pa.nulls(len(column), kind)])
    if pa.types.is_string(kind):
        return as_text(column)
    if pa.types.is_nested(kind) and not pa.types.is_dictionary(kind):
        return pa.chunked_array([pa.array(column.to_pylist(), kind)])
    return pc.cast(column, kind, safe=False)
