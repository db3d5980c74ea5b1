"""Rules: what each source must be like, by its spec and by what no source can do without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlfactory.product.loader import Product
from mlfactory.product.sources import Source

Severity = Literal["critical", "warning", "info"]

ROW_COUNT = "expect_table_row_count_to_be_between"
NOT_NULL = "expect_column_values_to_not_be_null"

_COLUMNS = ("column", "column_A", "column_B", "column_list")
_LONGEST = 120
"""Characters of a rule's arguments that are shown; a set of values can be of any length."""


@dataclass(frozen=True)
class Rule:
    """An expectation of Great Expectations by its name, arguments and severity.

    Attributes:
        path: where it stands in product.yaml; empty for one that is built in.
    """

    type: str
    severity: Severity
    arguments: Mapping[str, Any]
    path: tuple[str | int, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that the rule is about; none for a rule about a table."""
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
        return f"{', '.join(self.columns)}: {self.condition}" if self.columns else self.condition


def rules_for(product: Product, source: str) -> tuple[Rule, ...]:
    """Return the rules of a source: the spec's, and before them the built-in ones.

    Built in are at least one row, and no null in the key and the event time; a rule of the spec
    of the same name about the same column stands instead of a built-in one.
    """
    own = [
        Rule(rule.type, rule.severity, rule.arguments, ("expect", source, position))
        for position, rule in enumerate(product.spec.expect.sources.get(source, ()))
    ]
    replaced = {(rule.type, rule.columns) for rule in own}
    built_in = [
        rule
        for rule in _built_in(product.spec.sources[source])
        if (rule.type, rule.columns) not in replaced
    ]
    return (*built_in, *own)


def _built_in(source: Source) -> list[Rule]:
    required = dict.fromkeys([*source.key, *([source.event_time] if source.event_time else [])])
    return [
        Rule(ROW_COUNT, "critical", {"min_value": 1}),
        *(Rule(NOT_NULL, "critical", {"column": name}) for name in required),
    ]
