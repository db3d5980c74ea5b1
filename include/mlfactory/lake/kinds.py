"""The kinds of values that frames have: numbers as float64, categories as text, times in UTC.

Said once, so that a value is the same in training, in a batch and in a single question.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

_CLOCK = ("now", "today")
"""What pandas takes for the clock of the machine."""


def as_float(values: pd.Series) -> pd.Series:
    """Return a column as float64, nan where it is null or no number."""
    if values.dtype == "float64":
        return values
    found: pd.Series = pd.to_numeric(values.astype(object), errors="coerce").astype("float64")
    return found


def words(values: pd.Series) -> pd.Series:
    """Return a column as text, null where it is null; whole numbers are written without a point.

    A column of whole numbers with a gap is float in pandas, and must not read `3.0` in one
    partition and `3` in the next.
    """
    if values.dtype == "str":
        return values
    return values.astype(object).map(_word, na_action="ignore").astype("str")


def times(values: pd.Series, spelling: str | None = None) -> pd.Series:
    """Return a column as times in UTC, to the microsecond; null where a value is no time.

    A time without a zone is taken to be UTC. Numbers are no times, as nothing says what they count;
    nor are the words `now` and `today`, which pandas takes for the time at which they are read.

    Args:
        spelling: how text writes a time, as strptime has it; ISO 8601 by default.
    """
    if pd.api.types.is_datetime64_any_dtype(values):
        found = pd.to_datetime(values, utc=True)
    else:
        given = values if values.dtype == "str" else values.astype(object)
        possible = _may_be_times(given, spelled=spelling is not None)
        found = pd.to_datetime(
            given.where(possible), utc=True, errors="coerce", format=spelling or "ISO8601"
        )
    cut: pd.Series = found.dt.floor("us").astype("datetime64[us, UTC]")
    return cut


def _may_be_times(values: pd.Series, *, spelled: bool) -> pd.Series:
    """Tell of values, text or anything, which may be read as a time."""
    if values.dtype == "str":
        # to pandas a sign makes a year before Christ
        return ~values.str.lower().isin(_CLOCK) if spelled else values.str.match(r"\d", na=False)
    said = values.map(lambda value: isinstance(value, str)).astype(bool)
    moments = values.map(lambda value: isinstance(value, date | np.datetime64)).astype(bool)
    texts = values.where(said).astype("str")
    return moments | (said & _may_be_times(texts, spelled=spelled))


def _word(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)
