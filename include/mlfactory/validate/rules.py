"""Rules: what each source must be like, by its spec and by what no source can do without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from mlfactory.product.conditions import Condition, columns_of, condition_of
from mlfactory.product.expectations import CONDITION
from mlfactory.product.loader import Product
from mlfactory.product.own_rules import (
    AS_BEFORE,
    NEW,
    OWN_RULES,
    PER_ROW,
    RECENT,
    USUAL,
    OwnRule,
    read_own,
)
from mlfactory.product.sources import Source

Severity = Literal["critical", "warning", "info"]

ROW_COUNT = "expect_table_row_count_to_be_between"
NOT_NULL = "expect_column_values_to_not_be_null"

_COLUMNS = ("column", "column_A", "column_B", "column_list")
_LONGEST = 120
"""Characters of a rule's arguments that are shown; a set of values can be of any length."""


@dataclass(frozen=True)
class Rule:
    """An expectation of Great Expectations, or of ours, by its name, arguments and severity.

    Attributes:
        path: where it stands in product.yaml; empty for one that is built in.
    """

    type: str
    severity: Severity
    arguments: Mapping[str, Any]
    path: tuple[str | int, ...] = ()

    @property
    def is_own(self) -> bool:
        """Tell whether the rule is ours, and Great Expectations knows nothing of it."""
        return self.type in OWN_RULES

    @cached_property
    def own(self) -> OwnRule:
        """Return what a rule of ours asks for."""
        return read_own(self.type, self.arguments)

    @cached_property
    def where(self) -> Condition | None:
        """Return which rows the rule is about; None if it is about all."""
        given = self.arguments.get(CONDITION)
        return None if given is None else condition_of(given)

    @property
    def needs(self) -> tuple[str, ...]:
        """Return all columns that must be there to answer it, those of its condition as well."""
        of_condition = columns_of(self.where) if self.where else ()
        return tuple(dict.fromkeys((*self.columns, *of_condition)))

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that the rule is about; none for a rule about a table."""
        if self.is_own:
            return self.own.columns if self.type in PER_ROW else ()
        one, first, second, several = (self.arguments.get(name) for name in _COLUMNS)
        return tuple(str(name) for name in (one, first, second, *(several or ())) if name)

    @property
    def condition(self) -> str:
        """Return what the rule asks for, without the columns that it asks it of."""
        details = ", ".join(
            f"{name}={value!r}" for name, value in self.arguments.items() if name not in _COLUMNS
        )
        if len(details) > _LONGEST:
            details = details[:_LONGEST] + "…"
        return f"{self.type}({details})"

    def __str__(self) -> str:
        columns = self.own.columns if self.is_own else self.columns
        return f"{', '.join(columns)}: {self.condition}" if columns else self.condition


def rules_for(product: Product, source: str) -> tuple[Rule, ...]:
    """Return the rules of a source: the spec's, and before them the built-in ones.

    Built in are at least one row, no null in the key and the event time, and, as warnings, the
    columns of the partition before and no unusual number of rows; a rule of the spec of the same
    name about the same column stands instead of a built-in one, if it is about all rows. Of labels
    there may be none: they come when they are told.
    """
    own = [
        Rule(
            rule.type,
            rule.severity,
            {**_given(rule.type, product.spec.sources[source]), **rule.arguments},
            ("expect", source, position),
        )
        for position, rule in enumerate(product.spec.expect.sources.get(source, ()))
    ]
    replaced = {(rule.type, rule.columns) for rule in own if rule.where is None}
    built_in = [
        rule
        for rule in _built_in(
            product.spec.sources[source], in_time=not product.calendar.is_snapshot
        )
        if (rule.type, rule.columns) not in replaced
        and not (rule.type == ROW_COUNT and product.spec.tells_labels(source))
    ]
    return (*built_in, *own)


def may_be_silent(product: Product, source: str) -> bool:
    """Tell whether a source may have no row in a partition in which others have some."""
    asked = product.spec.expect.sources.get(source, ())
    return product.spec.tells_labels(source) and all(rule.type != ROW_COUNT for rule in asked)


def _given(kind: str, source: Source) -> Mapping[str, Any]:
    """Return the arguments of a rule of ours that the source itself tells."""
    if kind == NEW:
        return {"column_list": list(source.key)}
    return {"column": source.event_time} if kind == RECENT and source.event_time else {}


def _built_in(source: Source, *, in_time: bool) -> list[Rule]:
    required = dict.fromkeys([*source.key, *([source.event_time] if source.event_time else [])])
    return [
        Rule(ROW_COUNT, "critical", {"min_value": 1}),
        *(Rule(NOT_NULL, "critical", {"column": name}) for name in required),
        *([Rule(AS_BEFORE, "warning", {})] if in_time else []),
        *([Rule(USUAL, "warning", {})] if in_time and source.event_time else []),
    ]
