"""Columns of raw tables that never had a value, so that nothing tells their type.

A column of a table keeps the type that it is made with. One that has no value yet is therefore not
made: a column of another name, `_empty_<name>`, says that it is there, until its first value comes.
In memory it is a column of Arrow's type null.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from mlfactory.lake.catalog import EMPTY


def as_stored(rows: pa.Table) -> pa.Table:
    """Return `rows` as the lake keeps them, with columns of type null under their other name."""
    # made in one go: a table of ten thousand columns is not copied ten thousand times
    fields, columns = [], []
    for field, column in zip(rows.schema, rows.columns, strict=True):
        if pa.types.is_null(field.type):
            field = pa.field(EMPTY + field.name, pa.string())
            column = pa.nulls(rows.num_rows, pa.string())
        fields.append(field)
        columns.append(column)
    return pa.table(columns, schema=pa.schema(fields, rows.schema.metadata))


def as_received(rows: pa.Table) -> pa.Table:
    """Return stored rows with the columns that they came with."""
    names = rows.column_names
    empty = [name for name in names if name.startswith(EMPTY)]
    if not empty:
        return rows
    received = {name: rows.column(name) for name in names if not name.startswith(EMPTY)}
    for name in empty:
        received.setdefault(name.removeprefix(EMPTY), pa.nulls(rows.num_rows))
    return pa.table(received)


def kinds_of(columns: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    """Return the types of the columns that stored rows came with, null of those without any."""
    schema = pa.schema(list(columns.items()))
    return {field.name: field.type for field in as_received(schema.empty_table()).schema}
