"""The types that columns have in a frame of all rows, when only some of the rows are looked at.

Whole numbers with a gap are floats in pandas, and large ones `Int64`: without this a column would
have one type in a batch that has a gap, and another in the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
import pyarrow as pa

from mlfactory.lake.catalog import RAW_HELPERS
from mlfactory.lake.rows import as_frame, is_large

Shape = Mapping[str, str]
"""The type in pandas of each column whose type depends on its values."""


def varying(schema: pa.Schema) -> list[str]:
    """Return the columns whose type in pandas depends on their values."""
    return [
        field.name
        for field in schema
        if field.name not in RAW_HELPERS
        and (pa.types.is_integer(field.type) or pa.types.is_boolean(field.type))
    ]


def shape_of(batches: Iterable[pa.Table]) -> Shape:
    """Return the shape of the frame of all rows of some batches.

    Of two columns without gaps in one batch and with some in another, the gaps decide.
    """
    gaps: set[str] = set()
    large: set[str] = set()
    kinds: dict[str, pa.DataType] = {}
    for rows in batches:
        for name in varying(rows.schema):
            column = rows.column(name)
            kinds[name] = column.type
            gaps |= {name} if column.null_count else set()
            if pa.types.is_int64(column.type) and name not in large and is_large(column):
                large.add(name)
    return {name: _with_gaps(kinds[name], large=name in large) for name in sorted(gaps)}


def framed(rows: pa.Table, shape: Shape) -> pd.DataFrame:
    """Return rows as the frame of all rows has them, without the columns that are ours."""
    helpers = [name for name in RAW_HELPERS if name in rows.column_names]
    frame = as_frame(rows.drop_columns(helpers))
    for name, kind in shape.items():
        if name in frame and str(frame[name].dtype) != kind:
            # by way of floats a whole number that is none of theirs would be changed
            exact = {rows.schema.field(name).type: pd.Int64Dtype()}.get if kind == "Int64" else None
            frame[name] = rows.column(name).to_pandas(types_mapper=exact).astype(kind)
    return frame


def _with_gaps(kind: pa.DataType, *, large: bool) -> str:
    if pa.types.is_boolean(kind):
        return "object"
    return "Int64" if large else "float64"
