"""How many rows are in quarantine, by partition, source and reason, and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlfactory.lake.ledger import ABOUT_ROWS, entries
from mlfactory.lake.manifests import read_manifests
from mlfactory.lake.summaries import summaries
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.quarantine.rows import OLDER, QuarantinedRow, State, rows_in_quarantine


@dataclass(frozen=True)
class Line:
    """The rows of a source that are bad for one reason; a row of several reasons counts in each.

    Attributes:
        kept: how many rows of the source are kept, where those are but a sample; else None.
    """

    partition: str
    source: str
    reason: str
    open: int
    released: int
    discarded: int
    kept: int | None = None


def counted(product: Product, partition: Partition | None = None) -> list[Line]:
    """Return the counts of one partition, or of all that have bad rows or decisions about some.

    Raises:
        UsageError: if the partition was not validated.
        ServiceError: if a partition is being validated anew at this moment.
    """
    keys = [partition.key] if partition else _with_bad_rows(product)
    manifests = read_manifests(product.name, "validate", keys)
    return [
        line
        for key in keys
        for line in _lines(
            key,
            manifests.get(key, {}).get("facts", {}),
            rows_in_quarantine(product, product.calendar.parse(key)),
        )
    ]


def _with_bad_rows(product: Product) -> list[str]:
    validated = summaries(product.name, "validate")
    bad = {key for key, run in validated.items() if run["counts"].get("quarantined")}
    decided = {entry.partition for entry in entries(product.name, *ABOUT_ROWS)}
    return sorted(bad | (decided & set(validated)))


def _lines(key: str, facts: Mapping[str, Any], rows: Sequence[QuarantinedRow]) -> Iterator[Line]:
    states: dict[tuple[str, str], Counter[State]] = {}
    for row in rows:
        for kind in row.kinds or (OLDER,):
            states.setdefault((row.source, kind), Counter())[row.state] += 1
    sampled = facts.get("sampled", {})
    for source in sampled:
        # of what is but a sample the manifest has the counts of all
        for kind, count in facts["bad"][source].items():
            of_kind = states.setdefault((source, kind), Counter())
            of_kind["open"] = count - of_kind["discarded"]
    for (source, reason), of_kind in sorted(states.items()):
        yield Line(
            key,
            source,
            reason,
            of_kind["open"],
            of_kind["released"],
            of_kind["discarded"],
            sampled.get(source),
        )
