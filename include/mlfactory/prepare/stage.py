"""The prepare stage: build the partition's features and labels, and write them to their tables."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from mlfactory.lake.batches import Stream
from mlfactory.lake.catalog import FEATURES, LABELS, QUARANTINE, clean, corrected, raw
from mlfactory.lake.manifests import Manifest, manifest, read_manifest, run_name
from mlfactory.lake.tables import Lake
from mlfactory.prepare import staging
from mlfactory.prepare.build import call_build
from mlfactory.prepare.gathering import gathered
from mlfactory.prepare.profiling import keep_summary, summarised
from mlfactory.prepare.shards import build_shard, reads_of
from mlfactory.prepare.sources import Stretch, load_sources, read_at, stretch_of, told_later
from mlfactory.prepare.tables import Prepared, prepare, where_of
from mlfactory.prepare.told import Told, matched, read_told
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PrepareResult:
    """How many rows of features and how many labels the partition has.

    Attributes:
        labelled: how many of the rows have a label.
        labelled_earlier: labels of earlier events, which fell due in this partition.
        history_missing: partitions of its history that were not there, or did not pass.
    """

    rows: int
    labelled: int
    versions: dict[str, int]
    state: Literal["ok", "no_data"]
    labelled_earlier: int = 0
    history_missing: int = 0


def run(product: Product, partition: Partition) -> PrepareResult:
    """Write the features and labels of `partition`, replacing those of an earlier run.

    Shards are built one after another, and gathered.

    Raises:
        UsageError: if the partition was not validated, or its history is required and not there.
        ContractError: if its verdict is `stop`.
        BuildError: if the product's function fails, or returns what its spec does not promise.
        ServiceError: if what is read is being landed anew by another run.
    """
    if product.spec.partition.shards > 1:
        own = secrets.token_hex(8)
        try:
            for number in range(product.spec.partition.shards):
                build_shard(product, partition, number, own)
            return gather(product, partition, own)
        finally:
            staging.clear(product, own)
    stretch = stretch_of(product, partition)
    with manifest(product, "prepare", partition.key, begin=False) as record:
        _note_reads(record, product, stretch)
        prepared = _prepare(product, partition, stretch)
        tables = _tables(prepared)
        told = _write(record, product, stretch, tables, is_empty=prepared is None)
        keep_summary(record, [summarised(product, partition, prepared)])
        earlier = prepared.earlier if prepared else 0
        rows, landed = (table.num_rows for table in tables.values())
        counts = rows, landed - earlier, earlier
        constant = prepared.constant if prepared else ()
        return _told(record, product, stretch, _with_told(counts, told, partition), constant, told)


def gather(product: Product, partition: Partition, run: str) -> PrepareResult:
    """Write what the shards of a run built as the features and labels of `partition`.

    What is gathered already is not again: a gathering can be killed after it is done.

    Raises:
        UsageError: if a shard is not done, or was built of other rows than stand now.
        BuildError: if the rows of all shards are not what the spec promises.
        ServiceError: if another run has replaced the partition meanwhile.
    """
    stretch = stretch_of(product, partition)
    if done := _gathered_already(product, stretch, run):
        staging.clear(product, run)
        return done
    with manifest(product, "prepare", partition.key, begin=False) as record:
        _note_reads(record, product, stretch)
        found = gathered(product, partition, run)
        for note in found.notes:
            if note.reads != reads_of(stretch):
                raise UsageError(
                    f"{where_of(product, partition, note.shard)}: it was built of other rows than "
                    "stand now, since a partition that it reads was validated anew",
                    remedy="run all shards of the partition again: in Airflow clear the task "
                    "prepare with what follows it",
                )
        tables: dict[str, pa.Table | Stream] = _tables(None)
        if not found.is_empty:
            tables = {FEATURES: found.features(), LABELS: found.labels()}
        told = _write(record, product, stretch, tables, is_empty=found.is_empty)
        keep_summary(record, staging.summaries(product, run, found.notes))
        counts = _with_told((found.rows, found.labelled, found.earlier), told, partition)
        if told is None:
            found.tell()
        _tell_of_constant(where_of(product, partition), found.constant, found.rows)
        result = _told(record, product, stretch, counts, found.constant, told)
        record.facts["gathered"] = {"run": run, "files": [note.file for note in found.notes]}
    staging.clear(product, run)
    return result


def _gathered_already(product: Product, stretch: Stretch, run: str) -> PrepareResult | None:
    """Return what gathering the shards of a run gave, None unless it is done and still stands.

    A shard that has been built anew since is to be gathered.
    """
    done = read_manifest(product.name, "prepare", stretch.own.key)
    gathered = done.get("facts", {}).get("gathered", {})
    if gathered.get("run") != run or done["reads"] != reads_of(stretch):
        return None
    if (done["spec_hash"], done["code_hash"]) != (product.spec_hash, product.code_hash):
        return None
    if not staging.files_left(product, run) <= set(gathered["files"]):
        return None
    counts = done["counts"]
    return PrepareResult(
        rows=counts["rows"],
        labelled=counts["labelled"],
        versions=dict(done["outputs"]),
        state=done["facts"]["state"],
        labelled_earlier=counts["labelled_earlier"],
        history_missing=counts["history_absent"] + counts["history_refused"],
    )


def _note_reads(record: Manifest, product: Product, stretch: Stretch) -> None:
    lake = Lake(product.name)
    sources = product.spec.sources
    tables = (
        *(raw(name) for name in sources),
        *(clean(name) for name, source in sources.items() if source.clean),
        *(corrected(name) for name in sources),
    )
    record.inputs = lake.versions(*tables, QUARANTINE)
    for each in (stretch.own, *stretch.history):
        record.has_read(each.validation)
        # what was not there is noted as well, so that its coming later can be told
        record.reads.setdefault(run_name("validate", each.key), "")


def _write(
    record: Manifest,
    product: Product,
    stretch: Stretch,
    tables: Mapping[str, pa.Table | Stream],
    *,
    is_empty: bool,
) -> Told | None:
    """Write what was built, and return the labels that come from elsewhere, if they do."""
    lake = Lake(product.name)
    is_told = product.spec.label.is_told
    given = read_told(product, stretch.own) if is_told else None
    record.begin()
    for table, rows in tables.items():
        # without rows nothing tells the types that a new table should have
        if (not is_empty or lake.version(table) is not None) and not (is_told and table == LABELS):
            record.write(lake, table, rows)
    if given is None:
        return None
    told = matched(product, product.calendar.parse(stretch.own.key), given)
    if told.rows.num_rows or lake.version(LABELS) is not None:
        record.write(lake, LABELS, told.rows)
    return told


def _with_told(
    counts: tuple[int, int, int], told: Told | None, partition: Partition
) -> tuple[int, int, int]:
    """Return counts of rows, labels and earlier labels with those labels that were told."""
    if told is None:
        return counts
    own = told.events.get(partition.key, 0)
    return counts[0], own, sum(told.events.values()) - own


def _told(
    record: Manifest,
    product: Product,
    stretch: Stretch,
    counts: tuple[int, int, int],
    constant: Sequence[str],
    told: Told | None,
) -> PrepareResult:
    """Note the counts of rows, labels and earlier labels, and return the result."""
    rows, labelled, earlier = counts
    record.counts = {
        "rows": rows,
        "labelled": labelled,
        "labelled_earlier": earlier,
        "history": len(stretch.history),
        "history_absent": len(stretch.absent),
        "history_refused": len(stretch.refused),
    }
    result = PrepareResult(
        rows=rows,
        labelled=labelled,
        versions=record.outputs,
        state="ok" if rows else "no_data",
        labelled_earlier=earlier,
        history_missing=len(stretch.absent) + len(stretch.refused),
    )
    record.facts = {"state": result.state, "constant": list(constant)}
    if told is not None:
        record.counts["labels_left_out"] = sum(told.left_out.values())
        record.counts["labels_contradicted"] = told.contradicted
        record.facts["labels"] = {
            "of": told.events,
            "left_out": told.left_out,
            "answers": told.answers,
        }
    _log.info("%s %s: %d rows, %d labelled", product.name, stretch.own.key, rows, labelled)
    return result


def _prepare(product: Product, partition: Partition, stretch: Stretch) -> Prepared | None:
    """Return the partition's tables, None if neither an event nor an earlier label is there."""
    spec = product.spec
    if not stretch.own.validation["counts"]["rows"] and not told_later(product):
        return None
    where = where_of(product, partition)
    # before anything of it may be gone again, as where a reset comes beneath a long build
    since = read_at(product, stretch.own, where)
    sources = load_sources(product, partition, stretch)
    if (
        all(frame.empty for name, frame in sources.items() if spec.sources[name].event_time)
        and not product.calendar.is_snapshot
    ):
        return None
    prepared = prepare(product, partition, call_build(product, where, sources), since)
    _tell_of_constant(where, prepared.constant, prepared.features.num_rows)
    return prepared if prepared.features.num_rows or prepared.labels.num_rows else None


def _tell_of_constant(where: str, constant: Sequence[str], rows: int) -> None:
    if constant:
        _log.warning(
            "%s: the features %s are constant: one value in all %d rows",
            where,
            list(constant),
            rows,
        )


def _tables(prepared: Prepared | None) -> dict[str, pa.Table]:
    if prepared is None:
        return {FEATURES: pa.table({}), LABELS: pa.table({})}
    return {FEATURES: prepared.features, LABELS: prepared.labels}
