"""The rules of a source, asked of rows that somebody gives: what would put each into quarantine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pandas as pd

from mlfactory.product.loader import Product
from mlfactory.validate.quarantine import reasons_of
from mlfactory.validate.rules import Rule, rules_for
from mlfactory.validate.suite import run_suite
from mlfactory.validate.ways import OF_A_ROW, OF_OTHER_ROWS

_OF_TYPES = frozenset(
    # the answer depends on the type of the column, and these rows are not all of it
    {"expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list"}
)


@dataclass(frozen=True)
class Ruled:
    """What the critical rules of a source say of some rows.

    Attributes:
        reasons: the rules that a row breaks, by its place, for those that break one.
        not_asked: the rules that these rows could not be asked, in words.
    """

    reasons: Mapping[int, str] = field(default_factory=dict)
    not_asked: tuple[str, ...] = ()


def rule_given(product: Product, source: str, rows: pd.DataFrame, absent: Collection[str]) -> Ruled:
    """Ask the rules of `source` of rows, each for itself.

    A rule about a partition as a whole (how many rows, how unlike each other) is not asked: these
    rows are none.

    Args:
        rows: typed as the source's table, with a range index.
        absent: columns of which nothing was given.

    Raises:
        SpecError: if the arguments of a rule do not suit it.
    """
    rules = [
        rule for rule in rules_for(product, source) if rule.path and rule.severity == "critical"
    ]
    asked = [rule for rule in rules if _can_be_asked(rule, rows, absent)]
    not_asked = [str(rule) for rule in rules if rule not in asked]
    if not asked or rows.empty:
        return Ruled({}, tuple(not_asked))
    outcomes = run_suite(product, source, asked, rows).outcomes
    not_asked += [f"{each.rule} ({each.message})" for each in outcomes if each.state == "error"]
    nothing = pd.Series(pd.NA, index=rows.index, dtype="str")
    found = reasons_of(rows, nothing, {}, outcomes, ())
    return Ruled({row: "; ".join(map(str, why)) for row, why in found.items()}, tuple(not_asked))


def _can_be_asked(rule: Rule, rows: pd.DataFrame, absent: Collection[str]) -> bool:
    # with `mostly`, rows that break the rule are let through as long as most of the others do not
    return (
        rule.type.startswith(OF_A_ROW)
        and rule.type not in OF_OTHER_ROWS | _OF_TYPES
        and rule.arguments.get("mostly", 1) == 1
        and all(name in rows and name not in absent for name in rule.needs)
    )
