"""Cells in the types they should have: what can be read is cast, what cannot is told apart.

Text stays text: a column of words is never taken to be anything but words, whatever they are, and
becomes true and false only where the spec declares it. Only numbers are recognised by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.kinds import as_text, fields_in, fits_as_stored, is_text, stored_as
from mlfactory.ingest.plainly import have_fractions, have_leading_zeros, plain_values
from mlfactory.ingest.times import UTC_TIME, as_times
from mlfactory.lake.cells import MISSING
from mlfactory.lake.numbers import PLAIN, Numbers
from mlfactory.product.sources import ColumnType

TYPES: Mapping[ColumnType, pa.DataType] = {
    "integer": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "datetime": UTC_TIME,
}

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_WHOLE = r"^[+-]?0*\d{1,19}(\.0*)?$"
_SIGN_AND_ZEROS = r"^-?0*"
_LARGEST, _SMALLEST = "9223372036854775807", "9223372036854775808"
_LEADING_ZEROS = r"^\s*[+-]?0\d"
_DIGITS_OF_FLOAT = 16
_TOO_LONG_FOR_FLOAT = rf"^\s*[+-]?\d{{{_DIGITS_OF_FLOAT}}}"
_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")

_READABLE = 0.95
"""Share of a column's cells that must be of a type for the column to be taken to be of it."""


@dataclass(frozen=True)
class Cells:
    """A column in its type, null where a cell cannot be read; `unread` says where that is."""

    values: pa.ChunkedArray
    unread: pa.ChunkedArray


def cast_cells(
    column: pa.ChunkedArray,
    kind: pa.DataType,
    spelling: str | None = None,
    numbers: Numbers = PLAIN,
) -> Cells:
    """Return `column` in the type `kind`, and which of its cells cannot be read as that.

    What is infinite, or larger than a float can be, is no number that anything can be learned from.

    Args:
        spelling: how times are written, as strptime has it; ISO 8601 by default.
        numbers: how numbers are written.
    """
    if spelling is None and numbers == PLAIN:
        plain = plain_values(column, kind)
        if plain is not None:
            return _all_read(plain)
    if kind == pa.float64():
        return _finite(column, numbers)
    if column.type == kind:
        return _all_read(column)
    if pa.types.is_null(kind):
        return _all_read(pa.chunked_array([pa.nulls(len(column))]))
    if pa.types.is_timestamp(kind):
        if is_text(column.type):
            column = _given(column)
        return _compared(column, as_times(column, spelling))
    if kind == pa.string():
        return _compared(column, as_text(column))
    if not is_text(column.type):
        try:
            # exact for columns that have a type already; text is read by the stricter rules below
            values = pc.cast(column, kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            column = as_text(column)
        else:
            return _whole(column, values) if fields_in(column.type) else _all_read(values)
    text = _given(column)
    if kind == pa.bool_():
        return _compared(text, _booleans(text))
    if kind == pa.int64():
        return _compared(text, _integers(numbers.plain(text)))
    return _compared(text, pa.chunked_array([pa.nulls(len(text), kind)]))


def _finite(column: pa.ChunkedArray, numbers: Numbers = PLAIN) -> Cells:
    """Return a column as floats; what is infinite cannot be read, and `nan` is no value."""
    kind = pa.float64()
    if is_text(column.type):
        given = numbers.plain(_given(column))
        values = _where(given, pc.match_substring_regex(given, _NUMBER), kind)
    else:
        try:
            given = values = pc.cast(column, kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return _finite(as_text(column))
    infinite = pc.fill_null(pc.is_inf(values), False)
    return _compared(given, pc.if_else(infinite, pa.scalar(None, kind), values))


def without_codes(column: pa.ChunkedArray, cells: Cells) -> Cells:
    """Return the cells of a column that names rows: a number would make one of `17` and `0017`.

    Args:
        column: the cells as they were received.
    """
    if not is_text(column.type) or cells.values.type not in (pa.int64(), pa.float64()):
        return cells
    if plain_values(column, pa.int64()) is not None and not have_leading_zeros(column):
        return cells
    matches = pc.match_substring_regex(pc.cast(column, pa.string()), _LEADING_ZEROS)
    codes = pc.fill_null(matches, False)
    values = pc.if_else(codes, pa.scalar(None, cells.values.type), cells.values)
    return Cells(values, pc.or_(cells.unread, codes))


def infer_type(column: pa.ChunkedArray, *, strict: bool = False) -> pa.DataType:
    """Return the type that a column landed for the first time is given.

    Text becomes numbers where nearly all of it can be read as numbers: a few wrong cells are
    rescued, and do not turn the column into text for ever. Whole numbers are integers only where
    none is missing. What numbers would change, such as leading zeros, is a code and stays text.
    A column without a value, or with words for none only, is of Arrow's type null: it settles none.

    Args:
        strict: for a column that names rows, where `A-17` beside numbers is no wrong cell.
    """
    seen = Seen()
    seen.look_at(column)
    return seen.kind(strict=strict)


@dataclass
class Seen:
    """What was seen of a column, part by part: the parts tell what the whole would.

    Attributes:
        typed: the type that the column comes with, where it is none of text.
        fits: all of it fits into the type in which the lake would keep that.
        given: how many cells of text have a value.
        codes: some have zeros in front that a number would lose.
        whole: all have a value, and that is a whole number.
        long: some have more digits than a float holds.
        unread: how many are no number.
        numbers: how numbers are written.
    """

    typed: pa.DataType | None = None
    fits: bool = True
    given: int = 0
    codes: bool = False
    whole: bool = True
    long: bool = False
    unread: int = 0
    numbers: Numbers = PLAIN

    def look_at(self, part: pa.ChunkedArray) -> None:
        """Take in what a part of the column tells."""
        if is_text(part.type):
            self._look_at_text(part)
        else:
            self.typed = part.type
            self.fits = self.fits and fits_as_stored(part)

    def kind(self, *, strict: bool = False) -> pa.DataType:
        """Return the type of the column; see `infer_type`."""
        if self.typed is not None:
            return self.typed if pa.types.is_null(self.typed) else stored_as(self.typed, self.fits)
        if not self.given:
            return pa.null()
        if self.codes:
            return pa.string()
        if self.whole:
            return pa.int64()
        allowed = 0.0 if strict else (1 - _READABLE) * self.given
        return pa.string() if self.long or self.unread > allowed else pa.float64()

    def _look_at_text(self, part: pa.ChunkedArray) -> None:
        if self.codes:
            return  # whatever comes, it is text
        if self.numbers == PLAIN and self._look_at_whole_numbers(part):
            return
        given = _given(part).drop_null()
        self.given += len(given)
        self.codes = _some(given, _LEADING_ZEROS)
        if self.codes or not len(given):
            self.whole = self.whole and not len(part)
            return
        # as all else writes them; leading zeros are those of the text, whatever parts thousands
        given = self.numbers.plain(given)
        unread, whole = _numbers_in(given)
        self.whole = self.whole and whole and len(given) == len(part)
        long = pc.max(pc.binary_length(given)).as_py() >= _DIGITS_OF_FLOAT
        self.long = self.long or (long and _some(given, _TOO_LONG_FOR_FLOAT))
        if not self.long:
            self.unread += unread

    def _look_at_whole_numbers(self, part: pa.ChunkedArray) -> bool:
        """Take in a part that has nothing but whole numbers; tell whether it was one."""
        if plain_values(part, pa.int64()) is None or have_leading_zeros(part):
            return False
        given = len(part) - part.null_count
        self.given += given
        self.whole = self.whole and given == len(part)
        longest = pc.max(pc.binary_length(part)).as_py() or 0
        if longest >= _DIGITS_OF_FLOAT:
            self.long = self.long or _some(part, _TOO_LONG_FOR_FLOAT)
        return True


def type_name(kind: pa.DataType) -> str:
    """Return the word that product.yaml has for a type."""
    return next((name for name, known in TYPES.items() if known == kind), str(kind))


def _given(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return text without the blanks around it, null where it means no value."""
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    return pc.if_else(pc.is_in(text, pa.array(MISSING)), pa.scalar(None, pa.string()), text)


def _some(column: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, pattern)).as_py())


def _numbers_in(given: pa.ChunkedArray) -> tuple[int, bool]:
    """Return how many cells are no number, and whether all are whole numbers."""
    plain = plain_values(given, pa.float64())
    if plain is not None and have_fractions(plain):
        return 0, False
    unread = 0 if plain is not None else _unread(given, pa.float64())
    return unread, not unread and not _unread(given, pa.int64())


def _unread(column: pa.ChunkedArray, kind: pa.DataType) -> int:
    return int(pc.sum(cast_cells(column, kind).unread).as_py() or 0)


def _all_read(values: pa.ChunkedArray) -> Cells:
    return Cells(values, pa.chunked_array([pa.repeat(False, len(values))]))


def _whole(given: pa.ChunkedArray, values: pa.ChunkedArray) -> Cells:
    """Return nested cells; one that has a value in a field which `values` lack cannot be read."""
    if fields_in(given.type) <= fields_in(values.type):
        return _all_read(values)
    try:
        back = as_text(pc.cast(values, given.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        back = pa.chunked_array([pa.repeat("", len(given))])
    lost = pc.fill_null(pc.not_equal(as_text(given), back), False)
    return Cells(pc.if_else(lost, pa.scalar(None, values.type), values), lost)


def _compared(given: pa.ChunkedArray, values: pa.ChunkedArray) -> Cells:
    return Cells(values, pc.and_(pc.is_valid(given), pc.is_null(values)))


def _integers(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the whole numbers that 64 bits hold, told by value and not by length."""
    plain = pc.replace_substring_regex(text, r"^\+|\.0*$", "")
    digits = pc.replace_substring_regex(plain, _SIGN_AND_ZEROS, "")
    most = pc.if_else(pc.starts_with(plain, "-"), _SMALLEST, _LARGEST)
    short = pc.less(pc.utf8_length(digits), len(_LARGEST))
    fits = pc.or_(short, pc.less_equal(digits, most))
    return _where(plain, pc.and_(pc.match_substring_regex(text, _WHOLE), fits), pa.int64())


def _where(text: pa.ChunkedArray, fits: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return pc.cast(pc.if_else(fits, text, pa.scalar(None, pa.string())), kind)


def _booleans(text: pa.ChunkedArray) -> pa.ChunkedArray:
    lower = pc.utf8_lower(text)
    true = pc.is_in(lower, pa.array(_TRUE))
    known = pc.or_(true, pc.is_in(lower, pa.array(_FALSE)))
    return pc.if_else(known, true, pa.scalar(None, pa.bool_()))
