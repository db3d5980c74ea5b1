"""Event times: read as UTC, whatever type or spelling they come in."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

UTC_TIME = pa.timestamp("us", "UTC")


def as_times(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as times in UTC, null where a value cannot be read as a time.

    A time without a zone is taken to be UTC, text must be ISO 8601; numbers are no times, as
    nothing says what they count.
    """
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pc.cast(column, UTC_TIME, safe=False)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pc.assume_timezone(pc.cast(column, pa.timestamp("us"), safe=False), "UTC")
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return pa.chunked_array([pa.nulls(len(column), UTC_TIME)])
    try:
        return pc.cast(column, UTC_TIME)
    except pa.ArrowInvalid:
        # a zone is missing or a value is wrong: slower, and value by value
        times = pd.to_datetime(column.to_pandas(), utc=True, format="ISO8601", errors="coerce")
        return pa.chunked_array([pa.array(times, UTC_TIME)])
