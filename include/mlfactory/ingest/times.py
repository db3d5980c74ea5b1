"""Event times: read as UTC, whatever type or spelling they come in."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.kinds import times

UTC_TIME = pa.timestamp("us", "UTC")

_FINER = r"[.,]\d{6}0*[1-9]"
"""A fraction of a second that has more than microseconds."""


def as_times(column: pa.ChunkedArray, spelling: str | None = None) -> pa.ChunkedArray:
    """Return a column as times in UTC, null where a value cannot be read as a time.

    A time without a zone is taken to be UTC; numbers are no times, as nothing says what they count.
    What is finer than a microsecond is cut off.

    Args:
        spelling: how text writes a time, as strptime has it; ISO 8601 by default.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return as_times(pc.cast(column, kind.value_type), spelling)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pc.cast(column, UTC_TIME, safe=False)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pc.assume_timezone(pc.cast(column, pa.timestamp("us"), safe=False), "UTC")
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return pa.chunked_array([pa.nulls(len(column), UTC_TIME)])
    if spelling is None:
        try:
            return pc.cast(column, UTC_TIME)
        except pa.ArrowInvalid:
            pass  # a zone is missing or a value is wrong: slower, and value by value
    found = times(column.to_pandas().astype("str"), spelling)
    return pa.chunked_array([pa.array(found, UTC_TIME)])


def shortened(column: pa.ChunkedArray) -> int:
    """Return how many times of a column are finer than the microseconds that the lake keeps."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        kept = pc.cast(pc.cast(column, pa.timestamp("us", kind.tz), safe=False), kind)
        return int(pc.sum(pc.not_equal(kept, column)).as_py() or 0)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            pc.cast(column, UTC_TIME)
        except pa.ArrowInvalid:
            pass
        else:
            return 0  # Arrow refuses what is finer, and is faster than a pattern
        return int(pc.sum(pc.match_substring_regex(column, _FINER)).as_py() or 0)
    return 0
