"""A step that asks nothing but the row itself, taken on some rows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.cleaning import numbers, text
from mlfactory.cleaning.notes import with_refused, with_unread, without_unread
from mlfactory.cleaning.told import Told, added
from mlfactory.product.cleaning import (
    Case,
    Fill,
    Map,
    Nulls,
    Number,
    Outliers,
    Step,
    Time,
    Trim,
    Unit,
)
from mlfactory.product.source import BaseSource


def taken(rows: pa.Table, told: Told, source: BaseSource) -> pa.Table:
    """Return rows after a step, of which it is told what it did."""
    for name in told.columns:
        rows = _in_column(rows, name, told, source)
    return rows


def _in_column(rows: pa.Table, name: str, told: Told, source: BaseSource) -> pa.Table:
    step, before = told.step, rows.column(name)
    if isinstance(step, Nulls) and not text.is_text(before.type):
        rows, texts = without_unread(rows, name, {str(word) for word in step.words})
        if texts:
            none = pa.chunked_array([pa.nulls(len(texts), pa.string())])
            told.cells(name, pa.chunked_array([pa.array(texts)]), none)
    after = _made(step, name, before, rows, source)
    told.cells(name, before, after)
    if isinstance(step, Number | Time | Unit):
        # what means no value in a column of numbers is not unreadable
        asked = before if isinstance(step, Unit) else text.given(_as_text(before))
        unread = pc.and_(pc.is_valid(asked), pc.is_null(after))
        if added(told.unread, name, unread):
            rows = with_unread(rows, name, unread, pc.cast(before, pa.string()))
    rows = rows.set_column(rows.column_names.index(name), name, after)
    return _refused(rows, name, told, before)


def _made(
    step: Step, name: str, column: pa.ChunkedArray, rows: pa.Table, source: BaseSource
) -> pa.ChunkedArray:
    """Return what a step makes of a column."""
    if isinstance(step, Number):
        whole = source.types.get(name) == "integer"
        return text.numbers(_as_text(column), step, pa.int64() if whole else pa.float64())
    if isinstance(step, Time):
        return text.moments(_as_text(column), step)
    if pa.types.is_null(column.type):
        return column
    match step:
        case Trim():
            return text.trimmed(column, step)
        case Case():
            return text.cased(column, step)
        case Map():
            return text.mapped(column, step)
        case Nulls():
            return numbers.without(column, step)
        case Unit():
            return numbers.converted(column, step)
        case Outliers() if step.then != "quarantine":
            return numbers.bounded(column, step)
        case Fill():
            other = rows.column(step.source) if step.source is not None else None
            return numbers.filled(column, step, other)
    return column


def _refused(rows: pa.Table, name: str, told: Told, column: pa.ChunkedArray) -> pa.Table:
    """Return rows with the reasons that a step has against some of them."""
    step = told.step
    if pa.types.is_null(column.type):
        return rows
    if isinstance(step, Outliers) and step.then == "quarantine":
        mask = numbers.outside(column, step)
        kind = f"{name} is an outlier: not {step.within}"
        said = f"{_braced(name)}={{}} is an outlier: not {step.within}"
    elif isinstance(step, Map) and step.others == "quarantine":
        mask = text.strange(column, step)
        kind = f"{name} is no word that cleaning knows"
        said = f"{_braced(name)}={{}} is no word that cleaning knows"
    else:
        return rows
    return with_refused(rows, mask, column, kind, said) if added(told.refused, name, mask) else rows


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column


def _braced(name: str) -> str:
    return name.replace("{", "{{").replace("}", "}}")
