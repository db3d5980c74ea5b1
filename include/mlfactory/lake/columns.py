"""The columns of tables: their names, which are told apart whatever their case, and their types."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.remedies import instead_of_table
from mlfactory.product.errors import ContractError


def refuse_alike(product: str, table: str, columns: Sequence[str]) -> None:
    """Make sure that no two columns differ in case only."""
    seen: dict[str, str] = {}
    for name in columns:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise ContractError(
                f"table {product}.{table}: the columns '{other}' and '{name}' differ in case only, "
                "which tables do not tell apart",
                remedy=f"write '{name}' as '{other}', or give it another name; or, to change a "
                f"name, {instead_of_table(f'{product}/{table}')}",
            )


def storable(rows: pa.Table) -> pa.Table:
    """Return `rows` in the types Delta has: microseconds in UTC, plain strings, no bare nulls."""
    fields = []
    for field in rows.schema:
        kind = field.type
        if pa.types.is_timestamp(kind):
            kind = pa.timestamp("us", "UTC")
        elif pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or kind == pa.null():
            kind = pa.string()
        elif pa.types.is_dictionary(kind):
            kind = kind.value_type
        fields.append(pa.field(field.name, kind))
    return rows.cast(pa.schema(fields))


def as_held(rows: pa.Table, schema: pa.Schema, table: str) -> pa.Table:
    """Return `rows` with the columns the table has in the table's types, new ones as they are."""
    columns: dict[str, pa.ChunkedArray] = {}
    given = set(rows.column_names)
    for field in schema:
        if field.name not in given:
            columns[field.name] = pa.chunked_array([pa.nulls(rows.num_rows, field.type)])
            continue
        column = rows.column(field.name)
        if column.null_count == len(column):
            columns[field.name] = pa.chunked_array([pa.nulls(rows.num_rows, field.type)])
            continue
        try:
            columns[field.name] = pc.cast(column, field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ContractError(
                f"table {table}, column '{field.name}': holds {field.type} and was given "
                f"{column.type}: {error}",
                remedy="mend the data, or declare the column's type before the first landing",
            ) from error
    for name in rows.column_names:
        columns.setdefault(name, rows.column(name))
    return pa.table(columns)
