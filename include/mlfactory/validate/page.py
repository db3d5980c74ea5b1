"""The page of a validation: verdict, rules, and quarantined rows with their reasons."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlfactory.lake.row_decisions import RowDecision, Word
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.report.page import Page, State
from mlfactory.validate.cleaning_page import add_cleaning
from mlfactory.validate.quarantine import Bad
from mlfactory.validate.suite import Outcome
from mlfactory.validate.verdict import Count, Judgement

ROWS_SHOWN = 50
"""The quarantined rows that a page shows."""


@dataclass(frozen=True)
class Shown:
    """What a page shows of the quarantine.

    Attributes:
        bad: the first of the rows in quarantine.
        words: the last word about each row that was decided about, by source and digest.
        decisions: all that was decided about rows of the partition, oldest first.
        cleaned: what cleaning did to the rows of each source, as the manifest says it.
    """

    bad: Sequence[Bad] = ()
    words: Mapping[str, Mapping[str, Word]] = field(default_factory=dict)
    decisions: Sequence[RowDecision] = ()
    cleaned: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def state_of(self, bad: Bad) -> str:
        """Return whether a bad row is open, or what was decided about it."""
        word = self.words.get(bad.source, {}).get(bad.digest)
        return "open" if word is None else word.kind


def render(
    product: Product,
    partition: Partition,
    judgement: Judgement,
    counts: Mapping[str, Count],
    outcomes: Mapping[str, Sequence[Outcome]],
    shown: Shown,
) -> str:
    """Return the page as HTML that needs nothing from outside."""
    page = Page(f"Validation of {product.name}", f"partition {partition}")
    page.facts(
        {
            "verdict": State(judgement.verdict),
            "quarantine budget": f"{product.spec.expect.quarantine_budget:.1%} of a source's rows",
        }
    )
    for reason in judgement.reasons:
        page.paragraph(reason)
    for name, found in outcomes.items():
        for outcome in found:
            if outcome.change and outcome.state == "fail":
                page.paragraph(f"The columns of {name} changed: {outcome.observed}.")
    page.section("Sources").table(
        ["source", "rows", "quarantined", "share", "released"],
        [
            (
                name,
                count.rows,
                count.quarantined,
                f"{count.share:.2%}",
                count.accepted + count.corrected,
            )
            for name, count in counts.items()
        ],
    )
    for name, told in shown.cleaned.items():
        add_cleaning(page, name, told, counts[name].rows)
    for name, found in outcomes.items():
        page.section(f"Rules of {name}")
        if found:
            _add_rules(page, found, counts[name].rows)
        else:
            page.paragraph("There are no rows in this partition, and nothing to check.")
    _add_quarantine(page, shown, sum(count.quarantined for count in counts.values()))
    _add_decisions(page, product, partition, shown)
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


def _add_quarantine(page: Page, shown: Shown, rows: int) -> None:
    page.section("Quarantine")
    if not rows:
        page.paragraph("No row is in quarantine.")
        return
    if len(shown.bad) < rows:
        page.paragraph(f"The first {len(shown.bad)} of {rows:,} rows.")
    page.table(
        ["source", "row", "digest", "state", "reasons", "record"],
        [
            (
                row.source,
                row.row,
                row.digest,
                shown.state_of(row),
                "; ".join(row.reasons),
                ", ".join(f"{name}={value}" for name, value in json.loads(row.record).items()),
            )
            for row in shown.bad
        ],
    )


def _add_decisions(page: Page, product: Product, partition: Partition, shown: Shown) -> None:
    """Tell what was decided about bad rows, and by which commands that is done."""
    if not shown.bad and not shown.decisions:
        return
    page.section("Release")
    if shown.decisions:
        page.table(
            ["entry", "at", "who", "source", "rows", "decision", "why"],
            [
                (one.number, one.at, one.who, one.source, len(one.rows), one.kind, one.why)
                for one in shown.decisions
            ],
        )
    page.paragraph(
        "A bad row can be released, as it is or corrected, or discarded for good; the DAG "
        f"{product.name}.quarantine does the same by a form. It is in the data once the "
        "partition has run again."
    )
    about = f"{product.name} {partition}"
    page.code(
        f"mlfactory quarantine show {about} --out rows.csv\n"
        f"mlfactory quarantine release {about} --rows DIGEST --why '…'\n"
        f"mlfactory quarantine release {about} --corrected rows.csv --why '…'\n"
        f"mlfactory quarantine discard {about} --rows DIGEST --why '…'"
    )
