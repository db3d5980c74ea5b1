"""Columns of a database as columns of Arrow, where the database tells what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from mlfactory.ingest.times import UTC_TIME
from mlfactory.ingest.untold import Inexact, exact_float, written_as_text

_MOST_DIGITS = 38

_KINDS: dict[int, pa.DataType] = {
    16: pa.bool_(),
    17: pa.binary(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    26: pa.int64(),
    700: pa.float64(),
    701: pa.float64(),
    1082: pa.date32(),
    1114: UTC_TIME,
    1184: UTC_TIME,
}
"""PostgreSQL's numbers of its types, which never change; what is not here is text."""

_NUMERIC = 1700


@dataclass(frozen=True)
class Column:
    """A column of an answer: its name, its type, and how its values are written in that."""

    name: str
    kind: pa.DataType
    write: Callable[[Any], Any]

    def array(self, values: Sequence[Any]) -> pa.Array:
        """Return values as a column.

        Raises:
            ValueError: if one of them cannot be written in its type.
        """
        given = [None if value is None else self.write(value) for value in values]
        try:
            return pa.array(given, self.kind)
        except OverflowError as error:
            raise Inexact(str(error)) from error


def told_columns(dialect: str, description: Sequence[Any]) -> list[Column] | None:
    """Return the columns of an answer, None if the database does not tell what they are.

    Args:
        description: as the cursor has it: name, type, and for decimals digits and places.
    """
    if dialect != "postgresql":
        return None
    return [_column(str(each[0]), each[1], each[4], each[5]) for each in description]


def _column(name: str, code: int, digits: int | None, places: int | None) -> Column:
    if code == _NUMERIC:
        if digits is not None and places is not None and 0 <= places <= digits <= _MOST_DIGITS:
            return Column(name, pa.decimal128(digits, places), _number_or_none)
        return Column(name, pa.float64(), _float)
    kind = _KINDS.get(code, pa.string())
    if kind == pa.string():
        return Column(name, kind, written_as_text)
    return Column(name, kind, bytes if kind == pa.binary() else _same)


def _same(value: Any) -> Any:
    return value


def _number_or_none(value: Decimal) -> Decimal | None:
    return None if value.is_nan() else value


def _float(value: Decimal) -> float:
    return exact_float(value) if value.is_finite() else float(value)
