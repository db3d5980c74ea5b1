"""The validate stage: judge the landed rows of a partition, and say so on pages."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

from mlfactory.lake.batches import Batched, whole
from mlfactory.lake.catalog import QUARANTINE, RAW_HELPERS, RESCUED, raw, validation_page
from mlfactory.lake.manifests import manifest, read_manifest
from mlfactory.lake.rows import Landed, as_frame, landed_rows
from mlfactory.lake.store import product_store, write_text
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import kinds_of
from mlfactory.product.errors import ContractError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.validate import data_docs, page
from mlfactory.validate.quarantine import (
    Bad,
    as_table,
    bad_rows,
    reasons_of,
    repeated_keys,
    undated_rows,
    unread_cells,
)
from mlfactory.validate.rules import rules_for
from mlfactory.validate.suite import Outcome, run_suite
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


@dataclass(frozen=True)
class _Checked:
    """A source after its rules were run; without a result there were no rows to run them on."""

    count: Count
    outcomes: tuple[Outcome, ...] = ()
    bad: tuple[Bad, ...] = ()
    result: ExpectationSuiteValidationResult | None = None


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
        checked = _check(product, lake, _landed(product, partition, landed))
        bad = [row for each in checked.values() for row in each.bad]
        counts, outcomes, judgement = _judged(product, checked)
        record.write(lake, QUARANTINE, as_table(bad, str(landed["id"])))
        results = {name: each.result for name, each in checked.items() if each.result is not None}
        data_docs.write(product, partition, results)
        content = page.render(product, partition, judgement, counts, outcomes, bad)
        store = product_store(product.name)
        write_text(store, address, content)
        record.counts = {
            "rows": counts[_driving(product)].rows,
            "quarantined": len(bad),
            **{f"rows.{name}": count.rows for name, count in counts.items()},
            **{f"quarantined.{name}": count.quarantined for name, count in counts.items()},
        }
        record.facts = {
            "verdict": judgement.verdict,
            "reasons": list(judgement.reasons),
            "stopped_by": list(judgement.stopped_by),
            "passed": {name: bool(result.success) for name, result in results.items()},
        }
    _report(product, partition, judgement, outcomes, len(bad))
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
        quarantined=len(bad),
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
    _, _, judgement = _judged(
        product,
        _check(product, Lake(product.name), {name: whole(each) for name, each in rows.items()}),
    )
    if judgement.verdict == "stop":
        raise ContractError(
            f"{product.name}, partition {partition}: what its sources have now would break its "
            "contract, and is not landed:\n    " + "\n    ".join(judgement.reasons),
            remedy="what was landed and passed before stays; mend the data, or the rules in "
            "product.yaml",
        )


def _landed(
    product: Product, partition: Partition, ingested: Mapping[str, Any]
) -> dict[str, pa.Table]:
    landing, counts = str(ingested["id"]), ingested["counts"]
    return {
        name: landed_rows(product, name, {partition.key: Landed(landing, int(counts.get(name, 0)))})
        for name in product.spec.sources
    }


def _judged(
    product: Product, checked: Mapping[str, _Checked]
) -> tuple[dict[str, Count], dict[str, tuple[Outcome, ...]], Judgement]:
    counts = {name: each.count for name, each in checked.items()}
    outcomes = {name: each.outcomes for name, each in checked.items()}
    return counts, outcomes, judge(counts, outcomes, product.spec.expect.quarantine_budget)


def _check(product: Product, lake: Lake, landed: Mapping[str, pa.Table]) -> dict[str, _Checked]:
    nothing_happened = not landed[_driving(product)].num_rows
    # that nothing happened is a state; that one source is silent while another speaks is a failure
    return {
        name: _Checked(Count(0, 0))
        if not rows.num_rows and nothing_happened
        else _check_source(product, lake, name, rows)
        for name, rows in landed.items()
    }


def _check_source(product: Product, lake: Lake, name: str, landed: pa.Table) -> _Checked:
    rescued = pd.Series(dtype="str")
    if RESCUED in landed.column_names:
        rescued = landed.column(RESCUED).to_pandas()
    helpers = [column for column in RAW_HELPERS if column in landed.column_names]
    frame = as_frame(landed.drop_columns(helpers))
    # without rows, and perhaps without columns, only the rules about the table can be answered
    rules = [rule for rule in rules_for(product, name) if len(frame) or not rule.columns]
    done = run_suite(product, name, rules, frame)
    source = product.spec.sources[name]
    key = source.key if len(frame) else ()
    kinds = kinds_of(lake.columns(raw(name)))
    kinds |= {field.name: field.type for field in landed.schema}
    reasons = reasons_of(frame, rescued, kinds, done.outcomes, key, source.event_time)
    # of rows without a time the count tells, and not the cells
    unread = unread_cells(rescued, kinds, but=source.event_time)
    return _Checked(
        count=Count(
            len(frame),
            len(reasons),
            unread,
            repeated_keys(reasons),
            tuple(key),
            len(undated_rows(frame, source.event_time)),
        ),
        outcomes=done.outcomes,
        bad=tuple(bad_rows(name, frame, rescued, reasons, key)),
        result=done.result,
    )


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
