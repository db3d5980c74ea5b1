"""The validate stage: judge the landed rows of a partition, and say so on pages."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from mlfactory.lake.batches import Batched, Stream, pieces_of, rebatched
from mlfactory.lake.catalog import QUARANTINE, RAW_HELPERS, corrected, raw, validation_page
from mlfactory.lake.manifests import (
    Manifest,
    manifest,
    read_manifest,
    stands_on,
    was_prepared,
)
from mlfactory.lake.marks import Marks
from mlfactory.lake.row_batches import landed_batches
from mlfactory.lake.row_decisions import (
    RowDecision,
    decisions_about,
    last_words,
    newest_heeded,
    read_as,
)
from mlfactory.lake.rows import Landed, table_of
from mlfactory.lake.steps import steps_read
from mlfactory.lake.store import product_store, write_text
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import kinds_of
from mlfactory.product.errors import ContractError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.profiles.kept import keep_profile, profiling
from mlfactory.validate import data_docs, page
from mlfactory.validate.before import Before
from mlfactory.validate.checking import Checked, Kinds
from mlfactory.validate.cleaned import ToCheck, clean_given, clean_landed
from mlfactory.validate.quarantine import SAMPLE, SCHEMA, Bad, as_table
from mlfactory.validate.sample import sampled
from mlfactory.validate.sources import check_all
from mlfactory.validate.suite import Outcome
from mlfactory.validate.survey import Batches
from mlfactory.validate.verdict import Count, Judgement, Verdict, judge
from mlfactory.validate.warned import schema_changes, warning, warnings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ValidateResult:
    """The verdict on a partition.

    Attributes:
        rows: those of the driving source, the first one with event times.
        quarantined: bad rows of all sources.
        released: rows of all sources that are let through because somebody said so.
        page: name of the validation's page below the product's folder in the lake.
        warnings: what was found that stops nothing and takes no row out, changed columns among it.
    """

    verdict: Verdict
    rows: int
    quarantined: int
    page: str
    released: int = 0
    warnings: tuple[str, ...] = ()


def run(product: Product, partition: Partition) -> ValidateResult:
    """Clean and check every source of `partition`, quarantine bad rows, and give the verdict.

    Quarantine, page, Data Docs and manifest are written whatever the verdict is. What was decided
    about rows of the partition by now is heeded: see `lake.row_decisions`.

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
    decisions = decisions_about(product.name, partition.key)
    because = _news(product, partition, decisions, landed)
    with manifest(product, "validate", partition.key) as record:
        record.inputs = lake.versions(*(raw(name) for name in product.spec.sources))
        record.has_read(landed)
        if decisions:
            record.reads[read_as(partition.key)] = str(decisions[-1].number)
        words = last_words(decisions)
        rows = _landed(product, partition, landed)
        record.reads |= steps_read(product)
        clean_landed(record, product, lake, rows, words)
        seen = {
            name: profiling(product, table_of(product, name), partition.key)
            for name in product.spec.sources
        }
        before = None if product.calendar.is_snapshot else Before(product, partition)
        checked = check_all(
            product,
            rows,
            _kinds(product, lake),
            words,
            before,
            driving=_driving(product),
            landed=landed,
            seen=seen,
        )
        if before:
            record.reads |= before.reads
        counts, outcomes, judgement = _judged(product, checked, rows)
        quarantined = sum(count.quarantined for count in counts.values())
        kept = _kept(product, checked, judgement)
        first = _quarantine(record, lake, checked, kept, str(landed["id"]))
        _leave_corrected(record, product, lake, checked)
        results = {name: each.result for name, each in checked.items() if each.result is not None}
        data_docs.write(product, partition, results)
        shown = page.Shown(first, words, decisions, rows.told)
        content = page.render(product, partition, judgement, counts, outcomes, shown)
        store = product_store(product.name)
        write_text(store, address, content)
        for name, each in seen.items():
            keep_profile(record, table_of(product, name), each.summary, landing=str(landed["id"]))
        record.counts = {
            "rows": counts[_driving(product)].rows,
            "quarantined": quarantined,
            **{f"rows.{name}": count.rows for name, count in counts.items()},
            **{f"quarantined.{name}": count.quarantined for name, count in counts.items()},
            **_released(counts),
        }
        record.facts = {
            "verdict": judgement.verdict,
            "reasons": list(judgement.reasons),
            "stopped_by": list(judgement.stopped_by),
            "passed": {name: bool(result.success) for name, result in results.items()},
            "bad": {
                name: {kind: len(rows) for kind, rows in each.reasons.items() if len(rows)}
                for name, each in checked.items()
                if each.reasons
            },
            "sampled": {name: len(rows) for name, rows in kept.items()},
            "warnings": warnings(outcomes),
            "columns_changed": schema_changes(outcomes),
            "held_against": before.held_against if before else {},
            "decisions": [decision.number for decision in decisions],
            "because": because,
            **({"cleaned": rows.told} if rows.told else {}),
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
        released=record.counts.get("released", 0),
        warnings=tuple(record.facts["warnings"]),
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
    given = ToCheck(
        {name: partial(_given, each) for name, each in rows.items()},
        {name: each.num_rows for name, each in rows.items()},
    )
    words = last_words(decisions_about(product.name, partition.key))
    clean_given(product, given, words)
    kinds = {
        name: {**known, **{each.name: each.type for each in next(given.batches[name]()).schema}}
        for name, known in _kinds(product, Lake(product.name)).items()
    }
    before = None if product.calendar.is_snapshot else Before(product, partition)
    checked = check_all(
        product, given, kinds, words, before, driving=_driving(product), landed=_as_if_landed(rows)
    )
    _, _, judgement = _judged(product, checked, given)
    if judgement.verdict == "stop":
        raise ContractError(
            f"{product.name}, partition {partition}: what its sources have now would break its "
            "contract, and is not landed:\n    " + "\n    ".join(judgement.reasons),
            remedy="what was landed and passed before stays; mend the data, or the rules in "
            "product.yaml",
        )


def _landed(product: Product, partition: Partition, ingested: Mapping[str, Any]) -> ToCheck:
    """Return what gives the landed rows of each source, and how many there are."""
    counts = {name: int(ingested["counts"].get(name, 0)) for name in product.spec.sources}
    batches: dict[str, Batches] = {
        name: partial(
            landed_batches, product, name, {partition.key: Landed(str(ingested["id"]), rows)}
        )
        for name, rows in counts.items()
    }
    return ToCheck(batches, counts)


def _given(rows: pa.Table | Batched, *, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield rows that did not land, as `landed_batches` yields those that did."""
    chosen = pieces_of(rows)
    if columns is not None:
        chosen = (piece.select(list(columns)) for piece in chosen)
    return rebatched(chosen)


def _news(
    product: Product,
    partition: Partition,
    decisions: Sequence[RowDecision],
    landed: Mapping[str, Any],
) -> list[str]:
    """Return in words what has come, and what was decided, since the partition was prepared last.

    A validation that nothing followed leaves its news to the next one.
    """
    before = read_manifest(product.name, "validate", partition.key)
    heeded = newest_heeded(before)
    news = [str(decision) for decision in decisions if decision.number > heeded]
    if not was_prepared(product.name, landed):
        news = [*landed.get("facts", {}).get("because", []), *news]
    if stands_on(read_manifest(product.name, "prepare", partition.key), before):
        return news
    return list(dict.fromkeys([*before.get("facts", {}).get("because", []), *news]))


def _kept(
    product: Product, checked: Mapping[str, Checked], judgement: Judgement
) -> dict[str, Marks]:
    """Return the rows that are kept of sources too bad to be kept row by row."""
    budget = product.spec.expect.quarantine_budget
    return {
        name: sampled(each.reasons, each.rows, SAMPLE)
        for name, each in checked.items()
        if judgement.verdict == "stop"
        and each.count.share > budget
        and each.count.quarantined > SAMPLE
    }


def _quarantine(
    record: Manifest,
    lake: Lake,
    checked: Mapping[str, Checked],
    kept: Mapping[str, Marks],
    landing: str,
) -> list[Bad]:
    """Put the bad rows into quarantine, and return the first of them.

    They come as a stream, of which a table that fits one batch is written as it always was.

    Args:
        kept: of some sources the rows to put there; all that are bad of the others.
    """
    first: list[Bad] = []

    def tables() -> Iterator[pa.Table]:
        for name, each in checked.items():
            for piece in each.bad(kept.get(name)):
                first.extend(piece[: page.ROWS_SHOWN - len(first)])
                yield as_table(piece, landing)

    record.write(lake, QUARANTINE, Stream(SCHEMA, tables()))
    return first


def _leave_corrected(
    record: Manifest, product: Product, lake: Lake, checked: Mapping[str, Checked]
) -> None:
    """Write the rows that are let through as somebody corrected them, or take old ones away."""
    for name in product.spec.sources:
        rows = checked[name].corrected
        if rows is not None:
            record.write(lake, corrected(name), rows)
        elif record.partition in lake.partitions(corrected(name)):
            record.write(lake, corrected(name), pa.table({}))


def _released(counts: Mapping[str, Count]) -> dict[str, int]:
    """Return how many rows were let through because somebody said so, where there are any."""
    found = {
        f"{what}.{name}": getattr(count, what)
        for name, count in counts.items()
        for what in ("accepted", "corrected", "broken")
    }
    released = sum(count.accepted + count.corrected for count in counts.values())
    told = {name: count for name, count in found.items() if count}
    return {"released": released, **told} if told else {}


def _judged(
    product: Product, checked: Mapping[str, Checked], rows: ToCheck
) -> tuple[dict[str, Count], dict[str, tuple[Outcome, ...]], Judgement]:
    counts = {name: each.count for name, each in checked.items()}
    outcomes = {name: each.outcomes for name, each in checked.items()}
    budget = product.spec.expect.quarantine_budget
    return counts, outcomes, judge(counts, outcomes, budget, rows.stopped)


def _as_if_landed(rows: Mapping[str, pa.Table | Batched]) -> dict[str, Any]:
    """Return what a manifest would say of the columns of rows; as what they came nobody knows."""
    columns = {
        name: {each.name: "null" for each in given.schema if each.name not in RAW_HELPERS}
        for name, given in rows.items()
    }
    return {"facts": {"sources": {name: {"columns": each} for name, each in columns.items()}}}


def _kinds(product: Product, lake: Lake) -> dict[str, Kinds]:
    """Return the types of the columns of each source's table."""
    return {name: kinds_of(lake.columns(table_of(product, name))) for name in product.spec.sources}


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
    sources = product.spec.events_from
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
            if said := warning(outcome):
                _log.warning(
                    "%s.%s, partition %s: %s (%s): %s",
                    product.name,
                    source,
                    partition,
                    outcome.rule,
                    outcome.rule.severity,
                    f"observed {said}" if said == outcome.observed else said,
                )
    _log.info(
        "%s %s: verdict %s, %d rows quarantined",
        product.name,
        partition,
        judgement.verdict,
        quarantined,
    )
