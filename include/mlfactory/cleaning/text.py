"""Steps of text: each makes a column of another, null where a cell has no value."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.cells import MISSING
from mlfactory.lake.kinds import times
from mlfactory.lake.numbers import Numbers
from mlfactory.product.cleaning import Case, Map, Number, Time, Trim

UTC_TIME = pa.timestamp("us", "UTC")

_CASES = {"lower": pc.utf8_lower, "upper": pc.utf8_upper, "title": pc.utf8_title}
_BLANKS = r"[\s\pZ]+"
_NARROW = r"[\pZ]"
"""Blanks of all widths, which tools write between thousands."""

_DIGITS = 18
"""Decimal digits that 64 bits hold whatever they are."""


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a column is one of text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def trimmed(column: pa.ChunkedArray, step: Trim) -> pa.ChunkedArray:
    """Return text without blanks around it; nothing but blanks is no value."""
    text = pc.utf8_trim_whitespace(column)
    if step.inner:
        text = pc.replace_substring_regex(text, _BLANKS, " ")
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)


def cased(column: pa.ChunkedArray, step: Case) -> pa.ChunkedArray:
    """Return text in one case."""
    return _CASES[step.to](column)


def mapped(column: pa.ChunkedArray, step: Map) -> pa.ChunkedArray:
    """Return words as the ones that mean the same; see `strange` for the others."""
    places = pc.index_in(column, value_set=pa.array(list(step.values), column.type))
    found = pc.take(pa.array(list(step.values.values()), column.type), places)
    known = pc.is_valid(places)
    if step.others == "null":
        left = pc.invert(strange(column, step))
        column = pc.if_else(left, column, pa.scalar(None, column.type))
    return pc.if_else(known, found, column)


def strange(column: pa.ChunkedArray, step: Map) -> pa.ChunkedArray:
    """Tell of cells whether they have a word that a map does not know on either side."""
    words = [*step.values, *(word for word in step.values.values() if word is not None)]
    unknown = pc.invert(pc.is_in(column, value_set=pa.array(words, column.type)))
    return pc.and_(pc.is_valid(column), unknown)


def numbers(column: pa.ChunkedArray, step: Number, kind: pa.DataType) -> pa.ChunkedArray:
    """Return text as numbers, null where it is none; what is infinite is none.

    Thousands are told apart in threes, or not at all: `1.5` with a point for thousands is no 15,
    and `0.500` is no 500.
    """
    text = given(column)
    if step.thousands == " ":
        text = pc.replace_substring_regex(text, _NARROW, " ")
    fits = pc.match_substring_regex(text, Numbers(step.decimal, step.thousands or None).pattern)
    text = pc.if_else(fits, text, pa.scalar(None, text.type))
    if step.thousands:
        text = pc.replace_substring(text, step.thousands, "")
    text = pc.replace_substring(text, step.decimal, ".")
    if pa.types.is_integer(kind):
        text = pc.replace_substring_regex(text, r"^\+|\.0*$", "")
        whole = pc.match_substring_regex(text, rf"^-?0*\d{{1,{_DIGITS}}}$")
        return pc.cast(pc.if_else(whole, text, pa.scalar(None, text.type)), kind)
    found = pc.cast(pc.replace_substring_regex(text, r"^\+", ""), kind)
    infinite = pc.fill_null(pc.is_inf(found), False)
    return pc.if_else(infinite, pa.scalar(None, kind), found)


def moments(column: pa.ChunkedArray, step: Time) -> pa.ChunkedArray:
    """Return text as times in UTC, by the first format that fits, null where none does."""
    text = given(column).to_pandas().astype("str")
    found = times(text, step.formats[0])
    for spelling in (*step.formats[1:], None):
        left = found.isna() & text.notna()
        if not left.any():
            break
        found[left] = times(text[left], spelling)
    return pa.chunked_array([pa.array(found, UTC_TIME)])


def given(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return text without the blanks around it, null where it means that there is no value."""
    text = pc.utf8_trim_whitespace(column)
    none = pc.is_in(text, value_set=pa.array(MISSING, text.type))
    return pc.if_else(none, pa.scalar(None, text.type), text)
