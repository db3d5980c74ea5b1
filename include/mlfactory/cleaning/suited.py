"""Which columns a step is about, and whether it suits what these are."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from mlfactory.cleaning.numbers import constant, is_number
from mlfactory.cleaning.text import is_text
from mlfactory.lake.catalog import RAW_HELPERS
from mlfactory.product.cleaning import (
    ABOUT_TEXT,
    Duplicates,
    Fill,
    Nulls,
    Outliers,
    Step,
    Trim,
    Unit,
)
from mlfactory.product.errors import ContractError
from mlfactory.product.mistakes import nearest
from mlfactory.product.source import BaseSource


def columns_of(step: Step, where: str, schema: pa.Schema, source: BaseSource) -> Sequence[str]:
    """Return the columns that a step is about, of rows as the steps before it left them.

    Args:
        where: the step, for messages.

    Raises:
        ContractError: if there is no such column, or it is not of a type that the step is for.
    """
    own = [field for field in schema if field.name not in RAW_HELPERS]
    names = list(step.columns)
    if not names and isinstance(step, Trim | Nulls):
        names = [field.name for field in own if is_text(field.type)]
    elif not names and isinstance(step, Duplicates):
        names = list(source.key)
    there = [field.name for field in own]
    for name in (*names, *_beside(step)):
        if name not in there:
            raise ContractError(
                f"{where}: the source has no column '{name}'{nearest(name, there)}; it has {there}",
                remedy="correct the step, or the source",
            )
    for name in (*(names if isinstance(step, Duplicates) else ()), *_compared(step)):
        kind = schema.field(name).type
        if pa.types.is_nested(kind):
            raise ContractError(
                f"{where}: '{name}' is {kind}, whose values have no order",
                remedy="name a column of single values",
            )
    for name in names:
        _refuse(step, f"{where}: '{name}'", schema, name)
    return names


def _compared(step: Step) -> list[str]:
    """Return the columns beside its own by which a step tells rows apart, or orders them."""
    found = [step.by] if isinstance(step, Duplicates | Fill) else []
    if isinstance(step, Fill):
        found += step.last_of
    return [name for name in found if name is not None]


def _beside(step: Step) -> list[str]:
    """Return the columns that a step reads beside its own."""
    found: list[str | None] = []
    if isinstance(step, Fill):
        found = [step.source, step.by, *step.last_of]
    elif isinstance(step, Duplicates):
        found = [step.by]
    return [name for name in found if name is not None]


def _refuse(step: Step, where: str, schema: pa.Schema, name: str) -> None:
    kind = schema.field(name).type
    if pa.types.is_null(kind):
        return  # it never had a value, and suits all
    if isinstance(step, ABOUT_TEXT) and not is_text(kind):
        raise ContractError(
            f"{where} is {kind}, and the step is for text",
            remedy="remove the step; or declare the column string (sources.<name>.types), and let "
            "the source start over: mlfactory reset <product> --source <name>",
        )
    if isinstance(step, Unit | Outliers) and not is_number(kind):
        raise ContractError(
            f"{where} is {kind}, and the step is for numbers",
            remedy="read it as numbers first: {do: number, columns: ...}",
        )
    if isinstance(step, Nulls) and not (is_text(kind) or is_number(kind)):
        raise ContractError(
            f"{where} is {kind}, and the step is for text and numbers", remedy="remove the column"
        )
    if isinstance(step, Fill):
        _refuse_filling(step, where, schema, kind)


def _refuse_filling(step: Fill, where: str, schema: pa.Schema, kind: pa.DataType) -> None:
    if step.source is not None:
        other = schema.field(step.source).type
        numbers = pa.types.is_floating(kind) and is_number(other)
        if other != kind and not numbers and not pa.types.is_null(other):
            raise ContractError(
                f"{where} is {kind}, and '{step.source}', from which it is filled, is {other}",
                remedy="name a column of the same type",
            )
    elif step.value is not None:
        try:
            constant(step, kind)
        except ValueError:
            raise ContractError(
                f"{where} is {kind}, and is to be filled with {step.value!r}, which is none",
                remedy="give a value of that type",
            ) from None
