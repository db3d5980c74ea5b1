"""How values are written for people: thousands in groups, four decimals, a dash for nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from numbers import Integral, Real
from typing import Any

import numpy as np

NOTHING = "—"

_DECIMALS = 4
_SHARED_BELOW = 10.0
"""A column whose figures are all smaller than this shares its decimals, so that they line up."""


def is_number(value: Any) -> bool:
    """Tell whether `value` is a figure, which True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def written(value: Any) -> str:
    """Write one value: four significant digits, `27,004`, `yes`, `2013-04-01 05:00 UTC`."""
    if value is None:
        return NOTHING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, Real):
        return _written_float(float(value))
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(written(item) for item in value) or NOTHING
    return str(value) or NOTHING


def written_column(values: Sequence[Any]) -> list[str]:
    """Write the values of a table's column, small figures with the same number of decimals."""
    figures = [
        float(value) for value in values if is_number(value) and not isinstance(value, Integral)
    ]
    finite = [abs(figure) for figure in figures if math.isfinite(figure)]
    if not finite or max(finite) >= _SHARED_BELOW:
        return [written(value) for value in values]
    return [
        f"{float(value):.{_DECIMALS}f}" if _shares_decimals(value) else written(value)
        for value in values
    ]


def _shares_decimals(value: Any) -> bool:
    if not is_number(value) or isinstance(value, Integral):
        return False
    figure = abs(float(value))
    return figure == 0 or 10**-_DECIMALS <= figure < math.inf


def _written_float(value: float) -> str:
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"  # noqa: RUF001 - the true minus sign, as is wide as +
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
