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
    for place, field in enumerate(rows.schema):
        if pa.types.is_null(field.type):
            text = pa.nulls(rows.num_rows, pa.string())
            rows = rows.set_column(place, EMPTY + field.name, text)
    return rows


def as_received(rows: pa.Table) -> pa.Table:
    """Return stored rows with the columns that they came with."""
    for name in [name for name in rows.column_names if name.startswith(EMPTY)]:
        received = name.removeprefix(EMPTY)
        if received not in rows.column_names:
            rows = rows.append_column(received, pa.nulls(rows.num_rows))
        rows = rows.drop_columns([name])
    return rows


def kinds_of(columns: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    """Return the types of the columns that stored rows came with, null of those without any."""
    schema = pa.schema(list(columns.items()))
    return {field.name: field.type for field in as_received(schema.empty_table()).schema}
