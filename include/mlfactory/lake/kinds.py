"""The two kinds of values that features have: numbers as float64, categories as text.

Said once, so that a value is the same in training, in a batch and in a single question.
"""

from __future__ import annotations

from typing import Any

import pandas as pd


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


def _word(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)
