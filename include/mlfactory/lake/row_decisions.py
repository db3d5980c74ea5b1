"""What people decided about rows in quarantine: to let them through, or to leave them out for good.

A decision is an entry of the ledger: who, when, why. Which rows it is about lies in a file that is
written before it, is named by its content, and is never changed; without the entry it says nothing.
A row is known by its source, its partition and the digest of its record, which is the same in
every landing. Of several decisions about a row the last one holds, and all of them stay.

The rows that landed are never changed: validation heeds what was decided by the time it runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mlfactory.lake.catalog import row_decision_file
from mlfactory.lake.ledger import ABOUT_ROWS, Entry, Event, entries, record
from mlfactory.lake.manifests import run_name
from mlfactory.lake.store import as_json, parsed, product_store
from mlfactory.product.errors import IntegrityError

Kind = Literal["accepted", "corrected", "discarded"]
"""`accepted`: as it is, whatever rules it breaks. `corrected`: with other values, by which it is
judged anew. `discarded`: it stays out."""

_EVENTS: Mapping[Kind, Event] = {
    "accepted": "released",
    "corrected": "released",
    "discarded": "discarded",
}
_READS = "row_decisions"
_ASKED_BY = "asked_by"
_NAME = 32
"""Hexadecimal digits of a file's name."""


@dataclass(frozen=True)
class DecidedRow:
    """A row that was decided about, as it was then.

    Attributes:
        row: its place in the landing of that time.
        record: what was received, as JSON.
        reasons: why it was in quarantine.
        kinds: the same without the values of the row.
        only_corrected: why it cannot be accepted as it is, empty if it can.
        changes: of a corrected row the text of each cell that becomes another, None for no value;
            a number with a point, however its source writes them.
        copies: how many rows, the same in every cell, were decided about.
    """

    row: int
    record: str
    reasons: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    only_corrected: str = ""
    changes: Mapping[str, str | None] = field(default_factory=dict)
    copies: int = 1


@dataclass(frozen=True)
class RowDecision:
    """One decision about rows of a source in a partition.

    Attributes:
        number: of its entry in the ledger, 0 before it has one.
        rows: by the digest of their record.
        asked_by: what asked for it and may ask again, such as the id of a run in Airflow.
    """

    partition: str
    source: str
    kind: Kind
    rows: Mapping[str, DecidedRow]
    why: str
    who: str = ""
    at: str = ""
    number: int = 0
    asked_by: str = ""

    @property
    def count(self) -> int:
        """Return how many rows it is about, each of identical ones for itself."""
        return sum(row.copies for row in self.rows.values())

    def __str__(self) -> str:
        rows = f"{self.count:,} row{'' if self.count == 1 else 's'}"
        return f"{rows} of {self.source} {self.kind} by {self.who}: {self.why}"


@dataclass(frozen=True)
class Word:
    """The last word about a row, and the decision that it is of."""

    decision: RowDecision
    row: DecidedRow

    @property
    def kind(self) -> Kind:
        """Return what was decided."""
        return self.decision.kind


def decide(product: str, decision: RowDecision, *, sources: int = 1) -> Entry:
    """Write a decision down, for good, and return its entry in the ledger.

    Two people may decide at once: both are written, and the later number holds.

    Args:
        sources: of how many sources rows are decided about together, with an entry for each.
    """
    content = {digest: asdict(row) for digest, row in sorted(decision.rows.items())}
    text = as_json(content)
    name = hashlib.sha256(text).hexdigest()[:_NAME]
    product_store(product).create(row_decision_file(decision.partition, name), text)
    asked = {_ASKED_BY: decision.asked_by, "sources": sources} if decision.asked_by else {}
    return record(
        product,
        Entry(
            event=_EVENTS[decision.kind],
            partition=decision.partition,
            subject=f"rows of {decision.source}",
            why=decision.why,
            who=decision.who,
            details={
                "source": decision.source,
                "kind": decision.kind,
                "rows": decision.count,
                "file": name,
                **asked,
            },
        ),
    )


def decided_for(product: str, key: str, asked_by: str) -> list[Entry]:
    """Return the decisions about a partition's rows that something asked for before."""
    return [
        entry
        for entry in entries(product, *ABOUT_ROWS)
        if entry.partition == key and entry.details.get(_ASKED_BY) == asked_by
    ]


def decisions_about(product: str, key: str) -> tuple[RowDecision, ...]:
    """Return the decisions about a partition's rows, oldest first.

    Raises:
        IntegrityError: if the ledger has one whose rows are gone.
    """
    made = [entry for entry in entries(product, *ABOUT_ROWS) if entry.partition == key]
    store = product_store(product)
    files = {entry.number: row_decision_file(key, str(entry.details["file"])) for entry in made}
    found = store.read_many(dict.fromkeys(files.values()))
    for entry in made:
        if files[entry.number] not in found:
            raise IntegrityError(
                f"{store.address(files[entry.number])} is gone, which says what rows entry "
                f"{entry.number} of the ledger is about",
                remedy="put it back from a copy",
            )
    return tuple(
        RowDecision(
            partition=key,
            source=str(entry.details["source"]),
            kind=entry.details["kind"],
            rows=_rows(found[files[entry.number]], store.address(files[entry.number])),
            why=entry.why,
            who=entry.who,
            at=entry.at,
            number=entry.number,
        )
        for entry in made
    )


def last_words(decisions: Iterable[RowDecision]) -> dict[str, dict[str, Word]]:
    """Return of each source the last word about each row that was decided about, by its digest."""
    found: dict[str, dict[str, Word]] = {}
    for decision in decisions:
        for digest, row in decision.rows.items():
            found.setdefault(decision.source, {})[digest] = Word(decision, row)
    return found


def newest_about_rows(product: str) -> dict[str, str]:
    """Return the newest decision about rows of each partition, as manifests name what they read.

    The result maps `row_decisions/<key>` to the number of an entry.
    """
    return {
        run_name(_READS, entry.partition): str(entry.number)
        for entry in entries(product, *ABOUT_ROWS)
    }


def read_as(key: str) -> str:
    """Return by what the decisions about a partition's rows are called in `reads`."""
    return run_name(_READS, key)


def newest_heeded(validation: Mapping[str, Any]) -> int:
    """Return the number of the newest decision that a validation heeded, by its manifest; or 0.

    Args:
        validation: empty if there was none.
    """
    name = str(validation.get("name", ""))
    return int(validation.get("reads", {}).get(read_as(name), 0))


def _rows(content: bytes, address: str) -> dict[str, DecidedRow]:
    try:
        return {
            digest: DecidedRow(
                row=int(row["row"]),
                record=str(row["record"]),
                reasons=tuple(row["reasons"]),
                kinds=tuple(row["kinds"]),
                only_corrected=str(row["only_corrected"]),
                changes=dict(row["changes"]),
                # files of an older revision tell of no copies
                copies=int(row.get("copies", 1)),
            )
            for digest, row in parsed(content, address).items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"{address} cannot be read: {error!r}", remedy="put it back from a copy"
        ) from error
