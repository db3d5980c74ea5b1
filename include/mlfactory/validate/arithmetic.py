"""Numbers of conditions: computed and compared as numbers, not as what 64 bits make of them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

_COMPUTE: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
_LARGEST = 2**63 - 1
_EXACT = 2**53
"""Up to here every whole number is a float as well."""


def computed(sign: str, left: Any, right: Any) -> Any:
    """Return what two sides make, each a column or one number; true and false are 1 and 0.

    Whole numbers stay whole however large they become: 64 bits would begin again at the other end.

    Raises:
        OverflowError: if it is too large for anything.
    """
    one, other = _number(left), _number(right)
    if sign == "/":
        return _divided(one, other)
    whole = _is_whole(one) and _is_whole(other)
    if not whole:
        one, other = (_float(side) if _is_whole(side) else side for side in (one, other))
    elif _COMPUTE["*" if sign == "*" else "+"](_largest(one), _largest(other)) > _LARGEST:
        one, other = _of_python(one), _of_python(other)
    return _COMPUTE[sign](one, other)


def comparable(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two sides so that they are compared exactly, neither with a missing value.

    A whole number beyond 2^53 beside a float would be made one, and another number by that.
    """
    sides = [_number(side) for side in (left, right)]
    wholes = [_is_whole(side) for side in sides]
    if all(wholes) or not any(wholes):
        return left, right
    if _largest(sides[wholes.index(True)]) <= _EXACT:
        return left, right
    return _of_python(sides[0]), _of_python(sides[1])


def _divided(one: Any, other: Any) -> Any:
    with np.errstate(all="ignore"):
        found = np.asarray(_float(one)) / np.asarray(_float(other))
    # what is divided by nothing is no number
    found = np.where(np.isfinite(found), found, np.nan)
    index = next((side.index for side in (one, other) if isinstance(side, pd.Series)), None)
    return pd.Series(found, index=index) if index is not None else float(found)


def _number(side: Any) -> Any:
    """Return a side as numbers: as floats what is stored in no type of numbers, but large ones."""
    if not isinstance(side, pd.Series):
        return int(side) if isinstance(side, bool | np.bool_) else side
    if pd.api.types.is_bool_dtype(side.dtype):
        return side.astype("Int64" if side.isna().any() else "int64")
    if side.dtype != object or pd.api.types.infer_dtype(side, skipna=True) == "integer":
        return side
    return _float(side)


def _is_whole(side: Any) -> bool:
    if not isinstance(side, pd.Series):
        return isinstance(side, int | np.integer)
    return bool(side.dtype == object or pd.api.types.is_integer_dtype(side.dtype))


def _largest(side: Any) -> int:
    """Return the largest of whole numbers, whatever their signs are."""
    if not isinstance(side, pd.Series):
        return abs(int(side))
    known = side.dropna()
    return max(abs(int(known.max())), abs(int(known.min()))) if len(known) else 0


def _of_python(side: Any) -> Any:
    """Return a side as Python's numbers, which have no end, and compare as what they are."""
    if not isinstance(side, pd.Series):
        return side
    found = side.astype(object)
    return found.where(found.notna(), pd.NA)


def _float(side: Any) -> Any:
    if not isinstance(side, pd.Series):
        return float(side)
    return (
        side.where(side.notna(), np.nan).astype("float64")
        if side.dtype == object
        else (side.astype("float64"))
    )
