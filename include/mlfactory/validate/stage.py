"""The validate stage: judge the landed rows of a partition, and say so on pages."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from mlfactory.lake.batches import Batched, Stream, pieces_of, rebatched
from mlfactory.lake.catalog import QUARANTINE, raw, validation_page
from mlfactory.lake.manifests import Manifest, manifest, read_manifest
from mlfactory.lake.row_batches import landed_batches
from mlfactory.lake.rows import Landed
from mlfactory.lake.store import product_store, write_text
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import kinds_of
from mlfactory.product.errors import ContractError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.validate import data_docs, page
from mlfactory.validate.checking import Checked, check
from mlfactory.validate.quarantine import SCHEMA, Bad, as_table
from mlfactory.validate.suite import Outcome
from mlfactory.validate.survey import Batches
from mlfactory.validate.verdict import Count, Judgement, Verdict, judge

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ValidateResult:
    """The verdict on a partition.

    Attributes:
        rows: those of the driving source, the first one with event times.
        quarantined: bad rows of all sources.
        page: name of the validation's page below the product's folder in the lake.
    """

    verdict: Verdict
    rows: int
    quarantined: int
    page: str


def run(product: Product, partition: Partition) -> ValidateResult:
    """Check every source of `partition`, put bad rows into quarantine, and give the verdict.

    Quarantine, page, Data Docs and manifest are written whatever the verdict is.

    Raises:
        UsageError: if the partition was not ingested.
        IntegrityError: if rows that were landed are gone.
        ServiceError: if the partition is being landed anew at this moment.
        ContractError: if the verdict is `stop`.
    """
    lake = Lake(product.name)
    landed = read_manifest(product.name, "ingest", partition.key)
    if not landed:
        raise UsageError(
            f"{product.name}, partition {partition}: it was not ingested, or not to the end",
            remedy="run the stage ingest first",
        )
    address = validation_page(partition.key)
    with manifest(product, "validate", partition.key) as record:
        record.inputs = lake.versions(*(raw(name) for name in product.spec.sources))
        record.has_read(landed)
        checked = _check(product, lake, *_landed(product, partition, landed))
        counts, outcomes, judgement = _judged(product, checked)
        quarantined = sum(count.quarantined for count in counts.values())
        first = _quarantine(record, lake, checked, str(landed["id"]))
        results = {name: each.result for name, each in checked.items() if each.result is not None}
        data_docs.write(product, partition, results)
        content = page.render(product, partition, judgement, counts, outcomes, first)
        store = product_store(product.name)
        write_text(store, address, content)
        record.counts = {
            "rows": counts[_driving(product)].rows,
            "quarantined": quarantined,
            **{f"rows.{name}": count.rows for name, count in counts.items()},
            **{f"quarantined.{name}": count.quarantined for name, count in counts.items()},
        }
        record.facts = {
            "verdict": judgement.verdict,
            "reasons": list(judgement.reasons),
            "stopped_by": list(judgement.stopped_by),
            "passed": {name: bool(result.success) for name, result in results.items()},
        }
    _report(product, partition, judgement, outcomes, quarantined)
    if judgement.verdict == "stop":
        raise ContractError(
            f"{product.name}, partition {partition}: the data breaks its contract:\n    "
            + "\n    ".join(judgement.reasons),
            remedy=f"{_other_types(product, counts)}mend the data, or the rules in "
            f"product.yaml; every row is shown in {store.address(address)}",
        )
    return ValidateResult(
        verdict=judgement.verdict,
        rows=record.counts["rows"],
        quarantined=quarantined,
        page=address,
    )


def refuse_stopped(
    product: Product, partition: Partition, rows: Mapping[str, pa.Table | Batched]
) -> None:
    """Make sure that rows which are about to replace those of `partition` would not stop it.

    Nothing is written.

    Args:
        rows: as they would be landed, by source.

    Raises:
        ContractError: if the verdict on them would be `stop`.
    """
    batches = {name: partial(_given, each) for name, each in rows.items()}
    counts = {name: each.num_rows for name, each in rows.items()}
    _, _, judgement = _judged(product, _check(product, Lake(product.name), batches, counts))
    if judgement.verdict == "stop":
        raise ContractError(
            f"{product.name}, partition {partition}: what its sources have now would break its "
            "contract, and is not landed:\n    " + "\n    ".join(judgement.reasons),
            remedy="what was landed and passed before stays; mend the data, or the rules in "
            "product.yaml",
        )


def _landed(
    product: Product, partition: Partition, ingested: Mapping[str, Any]
) -> tuple[dict[str, Batches], dict[str, int]]:
    """Return what gives the landed rows of each source, and how many there are."""
    counts = {name: int(ingested["counts"].get(name, 0)) for name in product.spec.sources}
    batches: dict[str, Batches] = {
        name: partial(
            landed_batches, product, name, {partition.key: Landed(str(ingested["id"]), rows)}
        )
        for name, rows in counts.items()
    }
    return batches, counts


def _given(rows: pa.Table | Batched, *, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield rows that did not land, as `landed_batches` yields those that did."""
    chosen = pieces_of(rows)
    if columns is not None:
        chosen = (piece.select(list(columns)) for piece in chosen)
    return rebatched(chosen)


def _quarantine(
    record: Manifest, lake: Lake, checked: Mapping[str, Checked], landing: str
) -> list[Bad]:
    """Put the bad rows into quarantine, and return the first of them.

    They come as a stream, of which a table that fits one batch is written as it always was.
    """
    first: list[Bad] = []

    def tables() -> Iterator[pa.Table]:
        for each in checked.values():
            for piece in each.bad():
                first.extend(piece[: page.ROWS_SHOWN - len(first)])
                yield as_table(piece, landing)

    record.write(lake, QUARANTINE, Stream(SCHEMA, tables()))
    return first


def _judged(
    product: Product, checked: Mapping[str, Checked]
) -> tuple[dict[str, Count], dict[str, tuple[Outcome, ...]], Judgement]:
    counts = {name: each.count for name, each in checked.items()}
    outcomes = {name: each.outcomes for name, each in checked.items()}
    return counts, outcomes, judge(counts, outcomes, product.spec.expect.quarantine_budget)


def _check(
    product: Product, lake: Lake, batches: Mapping[str, Batches], counts: Mapping[str, int]
) -> dict[str, Checked]:
    nothing_happened = not counts[_driving(product)]
    # that nothing happened is a state; that one source is silent while another speaks is a failure
    return {
        name: Checked(Count(0, 0))
        if not counts[name] and nothing_happened
        else check(product, name, batches[name], kinds_of(lake.columns(raw(name))))
        for name in batches
    }


def _other_types(product: Product, counts: Mapping[str, Count]) -> str:
    """Return how to give columns the type they need whose unread cells alone exceed the budget."""
    remedies = []
    for name, count in counts.items():
        allowed = product.spec.expect.quarantine_budget * count.rows
        types = ", ".join(
            f"{unread.column}: {unread.readable_as}"
            for unread in count.unread
            if unread.cells > allowed
        )
        if types:
            reset = f"mlfactory reset {product.name} --source {name}"
            remedies.append(
                f"declare sources.{name}.types: {{{types}}} and land it anew ({reset}), or "
            )
    return "".join(remedies)


def _driving(product: Product) -> str:
    """Return the source whose rows are the events: the first with event times, or the first."""
    sources = product.spec.sources
    return next(
        (name for name, source in sources.items() if source.event_time), next(iter(sources))
    )


def _report(
    product: Product,
    partition: Partition,
    judgement: Judgement,
    outcomes: dict[str, tuple[Outcome, ...]],
    quarantined: int,
) -> None:
    for source, found in outcomes.items():
        for outcome in found:
            if outcome.state != "pass" and outcome.rule.severity != "critical":
                _log.warning(
                    "%s.%s, partition %s: %s (%s): %s",
                    product.name,
                    source,
                    partition,
                    outcome.rule,
                    outcome.rule.severity,
                    outcome.message or f"observed {outcome.observed}",
                )
    _log.info(
        "%s %s: verdict %s, %d rows quarantined",
        product.name,
        partition,
        judgement.verdict,
        quarantined,
    )
