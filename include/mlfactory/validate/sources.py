"""All sources of a partition checked, each after those whose accepted rows its rules look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import pyarrow as pa

from mlfactory.lake.marks import Marks
from mlfactory.product.loader import Product
from mlfactory.product.own_rules import MATCH, USUAL
from mlfactory.profiles.kept import Profiling
from mlfactory.validate.before import Before, columns_noted
from mlfactory.validate.checking import Checked, Kinds, check
from mlfactory.validate.cleaned import ToCheck, Words
from mlfactory.validate.own import answers
from mlfactory.validate.own.asked import Asked, Beside, Other
from mlfactory.validate.rules import Rule, may_be_silent, rules_for
from mlfactory.validate.survey import Batches
from mlfactory.validate.verdict import Count


def check_all(
    product: Product,
    rows: ToCheck,
    kinds: Mapping[str, Kinds],
    words: Words,
    before: Before | None,
    *,
    driving: str,
    landed: Mapping[str, Any],
    seen: Mapping[str, Profiling] | None = None,
) -> dict[str, Checked]:
    """Return what there is to say of each source.

    Args:
        rows: of each source, as they are checked.
        kinds: the types of the columns of each one's table.
        words: what was decided about rows of each.
        before: None if the rows are of no partition in time.
        driving: the source whose rows are the events.
        landed: the manifest of the landing, empty of rows that have not landed.
        seen: looks at the rows of each as they go by; by default nothing does.
    """
    # that nothing happened is a state; that one source is silent while another speaks is a failure
    batches, counts = rows.batches, rows.counts
    nothing_happened = not counts[driving]
    others = {name: Other(batches[name], counts[name], kinds[name]) for name in batches}
    found: dict[str, Checked] = {}
    for name in in_order(product):
        beside = Beside(others, before, columns_noted(landed, name))
        if not counts[name] and (nothing_happened or may_be_silent(product, name)):
            found[name] = Checked(Count(0, 0), _missed(product, name, beside))
        else:
            found[name] = check(
                product,
                name,
                batches[name],
                kinds[name],
                words.get(name),
                rows.origins.get(name),
                beside,
                seen[name] if seen else None,
            )
        bad, decided = found[name].rows, found[name].batches or batches[name]
        accepted = _but(decided, bad)
        others[name] = Other(batches[name], counts[name], kinds[name], accepted)
    return {name: found[name] for name in batches}


def in_order(product: Product) -> list[str]:
    """Return the sources, each behind those whose accepted rows its rules look at."""
    sorter: TopologicalSorter[str] = TopologicalSorter({name: () for name in product.spec.sources})
    for name in product.spec.sources:
        for rule in rules_for(product, name):
            if rule.type == MATCH and rule.arguments.get("rows", "accepted") == "accepted":
                sorter.add(name, str(rule.arguments["source"]))
    return list(sorter.static_order())


def _missed(product: Product, source: str, beside: Beside) -> tuple[Any, ...]:
    """Return the outcome of the rule about the usual number of rows, if it is not usual to be 0."""
    rules: list[Rule] = [rule for rule in rules_for(product, source) if rule.type == USUAL]
    nothing = Asked(source, lambda **_: iter(()), {}, 0, {}, beside)
    return tuple(each for each in answers(rules, nothing) if each.state == "fail")


def _but(batches: Batches, bad: Marks) -> Batches:
    """Return the rows of batches without some."""

    def good(*, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        start = 0
        for rows in batches(columns=columns):
            places = np.arange(start, start + rows.num_rows)
            start += rows.num_rows
            yield rows.filter(pa.array(~bad.of(places)))

    return good if len(bad) else batches
