"""A cell that a person wrote, in the type of its column: one plain way of writing each type.

How a source writes its numbers is the source's, and so do people who correct a row of it: see
`lake.numbers`, which makes plain ones of them, with a point. Times are as ISO 8601 has them, and
truth is `true` or `false`.
"""

from __future__ import annotations

import math
import re
from typing import Any

import pandas as pd
import pyarrow as pa

from mlfactory.lake.kinds import times

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "<NA>")
"""What means no value in a column of anything but text, where `NA` may be Namibia."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+(\.0*)?", re.ASCII)
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_LARGEST = 2**63


def cell(text: str | None, kind: pa.DataType) -> Any:
    """Return a cell as plain Python has it, None for no value.

    Raises:
        ValueError: saying what the type asks for.
    """
    if text is None:
        return None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return text
    given = text.strip()
    if pa.types.is_floating(kind):
        return _float(given)
    if pa.types.is_integer(kind):
        return _whole(given)
    if pa.types.is_boolean(kind):
        return _boolean(given)
    if pa.types.is_timestamp(kind):
        return _time(given, kind)
    try:
        return pa.scalar(given).cast(kind).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise ValueError(f"no {kind}") from None


def _float(given: str) -> float:
    found = float(given) if _NUMBER.fullmatch(given) else math.nan
    if not math.isfinite(found):
        raise ValueError("no number")
    return found


def _whole(given: str) -> int:
    found = int(given.partition(".")[0]) if _WHOLE.fullmatch(given) else _LARGEST
    if not -_LARGEST <= found < _LARGEST:
        raise ValueError("no whole number")
    return found


def _boolean(given: str) -> bool:
    if given.lower() not in (*_TRUE, *_FALSE):
        raise ValueError("neither true nor false")
    return given.lower() in _TRUE


def _time(given: str, kind: pa.DataType) -> Any:
    found = times(pd.Series([given], dtype="str"))[0]
    if pd.isna(found):
        raise ValueError("no time as ISO 8601 has it")
    return found.to_pydatetime() if kind.tz else found.tz_localize(None).to_pydatetime()
