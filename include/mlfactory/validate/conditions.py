"""Conditions of rules, answered for all rows of a frame at once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.lake.kinds import times
from mlfactory.product.conditions import (
    Among,
    Column,
    Compared,
    Computed,
    Condition,
    Joined,
    Missing,
    Not,
    Operand,
    Value,
    columns_of,
)
from mlfactory.validate.arithmetic import comparable, computed

Truth = npt.NDArray[np.bool_]
Sort = Literal["number", "text", "time", "truth", "other", "empty"]

_SORTS: Mapping[str, Sort] = {
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
    "boolean": "truth",
    "string": "text",
    "datetime64": "time",
    "datetime": "time",
    "date": "time",
    "empty": "empty",
}
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COMPARABLE = ({"number", "truth"}, {"text"}, {"time"})


class ConditionError(ValueError):
    """A condition cannot be answered of these rows; says why."""


def rows_where(condition: Condition, frame: pd.DataFrame) -> Truth:
    """Return (rows,) where a `row_condition` holds, as pandas' `query` says it.

    A comparison with a missing value does not hold, and `!=` and `not in` do.

    Raises:
        ConditionError: if it cannot be answered.
    """
    holds, _ = _answer(condition, _there(condition, frame), certain=True)
    return holds


def rows_against(condition: Condition, frame: pd.DataFrame) -> Truth:
    """Return (rows,) where a condition does not hold for sure, whatever a missing value may be.

    Raises:
        ConditionError: if it cannot be answered.
    """
    holds, known = _answer(condition, _there(condition, frame), certain=False)
    return known & ~holds


def _there(condition: Condition, frame: pd.DataFrame) -> pd.DataFrame:
    absent = [name for name in columns_of(condition) if name not in frame]
    if absent:
        raise ConditionError(f"the condition is about the column '{absent[0]}', which is not there")
    return frame


def _answer(part: Condition, frame: pd.DataFrame, *, certain: bool) -> tuple[Truth, Truth]:
    """Return where a condition holds, and where that can be told.

    Args:
        certain: take what a missing value keeps from being told as pandas does.
    """
    match part:
        case Joined(word, parts):
            answers = [_answer(each, frame, certain=certain) for each in parts]
            return _all(answers) if word == "and" else _any(answers)
        case Not(inner):
            holds, known = _answer(inner, frame, certain=certain)
            return ~holds & known, known
        case Missing(operand, negated):
            gone = np.broadcast_to(_missing(_cells(operand, frame)), (len(frame),))
            return (~gone if negated else gone), np.ones(len(frame), np.bool_)
        case Among(operand, values, negated):
            holds, known = _among(_cells(operand, frame), values, len(frame))
            holds, unlike = (known & ~holds if negated else holds), negated
        case Compared(sign, left, right):
            holds, known = _compared(sign, _cells(left, frame), _cells(right, frame), len(frame))
            unlike = sign == "!="
    if certain:
        return holds | (~known & unlike), np.ones(len(frame), np.bool_)
    return holds, known


def _all(answers: list[tuple[Truth, Truth]]) -> tuple[Truth, Truth]:
    holds = np.logical_and.reduce([each for each, _ in answers])
    fails = np.logical_or.reduce([known & ~each for each, known in answers])
    return holds, holds | fails


def _any(answers: list[tuple[Truth, Truth]]) -> tuple[Truth, Truth]:
    holds = np.logical_or.reduce([each for each, _ in answers])
    fails = np.logical_and.reduce([known & ~each for each, known in answers])
    return holds, holds | fails


def _cells(operand: Operand, frame: pd.DataFrame) -> Any:
    """Return what a condition names: a column, or the one value that all rows have."""
    match operand:
        case Column(name):
            return frame[name]
        case Value(value):
            return value
        case Computed(sign, left, right):
            return _computed(sign, _cells(left, frame), _cells(right, frame))


def _computed(sign: str, *sides: Any) -> Any:
    for side in sides:
        if _sort(side) not in ("number", "truth", "empty"):
            raise ConditionError(f"there is no {sign} of {_sort(side)}")
    try:
        return computed(sign, *sides)
    except OverflowError:
        raise ConditionError(f"a number that {sign} makes is too large") from None


def _compared(sign: str, left: Any, right: Any, rows: int) -> tuple[Truth, Truth]:
    known = np.broadcast_to(~(_missing(left) | _missing(right)), (rows,)).copy()
    holds = np.zeros(rows, np.bool_)
    if known.any():
        one, other = _alike(_where(left, known), _where(right, known))
        holds[known] = np.asarray(_COMPARE[sign](one, other), dtype=np.bool_)
    return holds, known


def _among(cells: Any, values: Sequence[Any], rows: int) -> tuple[Truth, Truth]:
    known = np.broadcast_to(~_missing(cells), (rows,)).copy()
    holds = np.zeros(rows, np.bool_)
    for value in values if known.any() else ():
        one, other = _alike(_where(cells, known), value)
        holds[known] |= np.asarray(one == other, dtype=np.bool_)
    return holds, known


def _where(cells: Any, known: Truth) -> Any:
    return cells[known] if isinstance(cells, pd.Series) else cells


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Return values of two sides so that they can be compared; a text beside a time is one."""
    sorts = {_sort(left), _sort(right)}
    if "time" in sorts and sorts <= {"time", "text"}:
        return _times(left), _times(right)
    if not any(sorts <= group for group in _COMPARABLE):
        raise ConditionError(f"{_sort(left)} cannot be compared with {_sort(right)}")
    return (left, right) if "text" in sorts or "time" in sorts else comparable(left, right)


def _times(cells: Any) -> Any:
    """Return times, text among them as ISO 8601 writes them, each cell by itself.

    Nothing is guessed, of one cell from another least of all: `01/06/2026` is June to some, and a
    cell must not mean one thing in this batch and another in the next.
    """
    given = cells if isinstance(cells, pd.Series) else pd.Series([cells])
    found = times(given)
    if found.isna().any():
        first = given[found.isna()].iloc[0]
        raise ConditionError(f"{str(first)[:60]!r} is no time as ISO 8601 has it")
    return found if isinstance(cells, pd.Series) else found.iloc[0]


def _missing(cells: Any) -> Truth:
    return np.asarray(pd.isna(cells), dtype=np.bool_)


def _sort(cells: Any) -> Sort:
    if not isinstance(cells, pd.Series):
        one = isinstance(cells, bool | np.bool_), isinstance(cells, str)
        return "truth" if one[0] else "text" if one[1] else "number"
    kind = cells.dtype
    if pd.api.types.is_bool_dtype(kind):
        return "truth"
    if pd.api.types.is_numeric_dtype(kind):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(kind):
        return "time"
    if isinstance(kind, pd.StringDtype):
        return "text"
    return _SORTS.get(pd.api.types.infer_dtype(cells, skipna=True), "other")
