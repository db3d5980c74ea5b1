"""Steps of numbers, and of words that mean no value."""

from __future__ import annotations

import math
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.cleaning.text import is_text
from mlfactory.lake.cells import cell
from mlfactory.product.cleaning import Fill, Nulls, Outliers, Unit

_LARGEST = 2**63 - 1


def is_number(kind: pa.DataType) -> bool:
    """Tell whether a column is one of numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def converted(column: pa.ChunkedArray, step: Unit) -> pa.ChunkedArray:
    """Return numbers in another unit, as floats; null where that is infinite."""
    kind = pa.float64()
    found = pc.add(pc.multiply(pc.cast(column, kind, safe=False), step.factor), step.offset)
    infinite = pc.fill_null(pc.is_inf(found), False)
    return pc.if_else(infinite, pa.scalar(None, kind), found)


def outside(column: pa.ChunkedArray, step: Outliers) -> pa.ChunkedArray:
    """Tell of cells whether they are beyond the bounds of a step."""
    found = pa.chunked_array([pa.repeat(False, len(column))])
    least, most = _bounds(column.type, step)
    if least is not None:
        found = pc.or_(found, pc.fill_null(pc.less(column, least), False))
    if most is not None:
        found = pc.or_(found, pc.fill_null(pc.greater(column, most), False))
    return found


def bounded(column: pa.ChunkedArray, step: Outliers) -> pa.ChunkedArray:
    """Return numbers with what is beyond the bounds clipped or null, as a step has it."""
    if step.then == "null":
        beyond = outside(column, step)
        return pc.if_else(beyond, pa.scalar(None, column.type), column)
    least, most = _bounds(column.type, step)
    if least is not None:
        column = pc.if_else(pc.fill_null(pc.less(column, least), False), least, column)
    if most is not None:
        column = pc.if_else(pc.fill_null(pc.greater(column, most), False), most, column)
    return column


def without(column: pa.ChunkedArray, step: Nulls) -> pa.ChunkedArray:
    """Return a column without the words that mean no value."""
    values = words_in(column.type, step)
    if not len(values):
        return column
    none = pc.is_in(column, value_set=values)
    return pc.if_else(none, pa.scalar(None, column.type), column)


def words_in(kind: pa.DataType, step: Nulls) -> pa.Array:
    """Return the words of a step as values of a type; those that it can hold."""
    if is_text(kind):
        return pa.array([str(word) for word in step.words], kind)
    found = []
    for word in step.words:
        with suppress(ValueError, OverflowError):
            number = float(word)
            if pa.types.is_floating(kind):
                found.append(number)
            elif pa.types.is_integer(kind) and number.is_integer():
                found.append(int(number) if isinstance(word, str) else int(word))
    return pa.array(found, kind) if is_number(kind) else pa.array([], kind)


def filled(column: pa.ChunkedArray, step: Fill, other: pa.ChunkedArray | None) -> pa.ChunkedArray:
    """Return a column with a constant, or the values of another one, where it has none."""
    if pa.types.is_null(column.type):
        return column
    if other is not None:
        return pc.coalesce(column, pc.cast(other, column.type))
    return pc.fill_null(column, constant(step, column.type))


def constant(step: Fill, kind: pa.DataType) -> pa.Scalar:
    """Return the constant of a step as a value of a type.

    Raises:
        ValueError: if it is none.
    """
    value = step.value
    fits = {
        bool: pa.types.is_boolean(kind),
        int: is_number(kind),
        float: pa.types.is_floating(kind),
        str: is_text(kind) or pa.types.is_timestamp(kind),
    }
    if not fits[type(value)]:
        raise ValueError
    try:
        if isinstance(value, str):
            return pa.scalar(cell(value, kind), kind)
        return pa.scalar(value).cast(kind)
    except pa.ArrowInvalid:
        raise ValueError from None


def _bounds(kind: pa.DataType, step: Outliers) -> tuple[pa.Scalar | None, pa.Scalar | None]:
    """Return the bounds as values of a type: of whole numbers, the outermost that is within."""
    least, most = step.at_least, step.at_most
    if pa.types.is_integer(kind):
        least = None if least is None else _held(math.ceil(least))
        most = None if most is None else _held(math.floor(most))
    return (
        None if least is None else pa.scalar(least, kind),
        None if most is None else pa.scalar(most, kind),
    )


def _held(bound: int) -> int:
    return max(-_LARGEST - 1, min(_LARGEST, bound))
