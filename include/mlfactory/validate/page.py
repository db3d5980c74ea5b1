"""The page of a validation: verdict, rules, and quarantined rows with their reasons."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.report.page import Page, State
from mlfactory.validate.quarantine import Bad
from mlfactory.validate.suite import Outcome
from mlfactory.validate.verdict import Count, Judgement

ROWS_SHOWN = 50
"""The quarantined rows that a page shows."""


def render(
    product: Product,
    partition: Partition,
    judgement: Judgement,
    counts: Mapping[str, Count],
    outcomes: Mapping[str, Sequence[Outcome]],
    bad: Sequence[Bad],
) -> str:
    """Return the page as HTML that needs nothing from outside.

    Args:
        bad: the first of the rows in quarantine.
    """
    page = Page(f"Validation of {product.name}", f"partition {partition}")
    page.facts(
        {
            "verdict": State(judgement.verdict),
            "quarantine budget": f"{product.spec.expect.quarantine_budget:.1%} of a source's rows",
        }
    )
    for reason in judgement.reasons:
        page.paragraph(reason)
    page.section("Sources").table(
        ["source", "rows", "quarantined", "share"],
        [
            (name, count.rows, count.quarantined, f"{count.share:.2%}")
            for name, count in counts.items()
        ],
    )
    for name, found in outcomes.items():
        page.section(f"Rules of {name}")
        if found:
            _add_rules(page, found, counts[name].rows)
        else:
            page.paragraph("There are no rows in this partition, and nothing to check.")
    _add_quarantine(page, bad, sum(count.quarantined for count in counts.values()))
    return page.render()


def _add_rules(page: Page, outcomes: Sequence[Outcome], rows: int) -> None:
    page.table(
        ["rule", "severity", "observed", "unexpected", "share", "state"],
        [
            (
                str(outcome.rule),
                outcome.rule.severity,
                outcome.message or outcome.observed,
                outcome.unexpected,
                None if outcome.unexpected is None else f"{outcome.unexpected / max(rows, 1):.2%}",
                _state(outcome),
            )
            for outcome in outcomes
        ],
        state_column="state",
    )


def _state(outcome: Outcome) -> str:
    tolerated = outcome.state == "fail" and outcome.rule.severity != "critical"
    return "warning" if tolerated else outcome.state


def _add_quarantine(page: Page, shown: Sequence[Bad], rows: int) -> None:
    page.section("Quarantine")
    if not rows:
        page.paragraph("No row is in quarantine.")
        return
    if len(shown) < rows:
        page.paragraph(
            f"The first {len(shown)} of {rows:,} rows; all of them are in the table quarantine."
        )
    page.table(
        ["source", "row", "reasons", "record"],
        [
            (
                row.source,
                row.row,
                "; ".join(row.reasons),
                ", ".join(f"{name}={value}" for name, value in json.loads(row.record).items()),
            )
            for row in shown
        ],
    )
