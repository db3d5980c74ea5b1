"""The prepare stage: build the partition's features and labels, and write them to their tables."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa

from mlfactory.lake.catalog import FEATURES, LABELS, QUARANTINE, raw
from mlfactory.lake.manifests import manifest, read_manifest, run_name
from mlfactory.lake.rows import Standing
from mlfactory.lake.tables import Lake
from mlfactory.prepare.build import call_build
from mlfactory.prepare.sources import Stretch, load_sources, stretch_of
from mlfactory.prepare.tables import Prepared, prepare, where_of
from mlfactory.product.errors import ServiceError
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

    Raises:
        UsageError: if the partition was not validated, or its history is required and not there.
        ContractError: if its verdict is `stop`.
        BuildError: if the product's function fails, or returns what its spec does not promise.
        ServiceError: if what is read is being landed anew by another run.
    """
    lake = Lake(product.name)
    stretch = stretch_of(product, partition)
    with manifest(product, "prepare", partition.key, begin=False) as record:
        record.inputs = lake.versions(*(raw(name) for name in product.spec.sources), QUARANTINE)
        for each in (stretch.own, *stretch.history):
            record.has_read(each.validation)
            # what was not there is noted as well, so that its coming later can be told
            record.reads.setdefault(run_name("validate", each.key), "")
        prepared = _prepare(product, partition, stretch)
        record.begin()
        for table, rows in _tables(prepared).items():
            # without rows nothing tells the types that a new table should have
            if prepared is not None or lake.version(table) is not None:
                record.write(lake, table, rows)
        rows, landed = (table.num_rows for table in _tables(prepared).values())
        earlier = prepared.earlier if prepared else 0
        missing = len(stretch.absent) + len(stretch.refused)
        record.counts = {
            "rows": rows,
            "labelled": landed - earlier,
            "labelled_earlier": earlier,
            "history": len(stretch.history),
            "history_absent": len(stretch.absent),
            "history_refused": len(stretch.refused),
        }
        result = PrepareResult(
            rows=rows,
            labelled=landed - earlier,
            versions=record.outputs,
            state="ok" if rows else "no_data",
            labelled_earlier=earlier,
            history_missing=missing,
        )
        record.facts = {
            "state": result.state,
            "constant": list(prepared.constant if prepared else ()),
        }
    _log.info("%s %s: %d rows, %d labelled", product.name, partition, rows, result.labelled)
    return result


def _prepare(product: Product, partition: Partition, stretch: Stretch) -> Prepared | None:
    """Return the partition's tables, None if neither an event nor an earlier label is there."""
    spec = product.spec
    told_later = bool(spec.features.history and spec.label.arrives_after)
    if not stretch.own.validation["counts"]["rows"] and not told_later:
        return None
    where = where_of(product, partition)
    # before anything of it may be gone again, as where a reset comes beneath a long build
    read_at = _read_at(product, stretch.own, where)
    sources = load_sources(product, partition, stretch)
    if (
        all(frame.empty for name, frame in sources.items() if spec.sources[name].event_time)
        and not product.calendar.is_snapshot
    ):
        return None
    prepared = prepare(product, partition, call_build(product, where, sources), read_at)
    if prepared.constant:
        _log.warning(
            "%s: the features %s are constant: one value in all %d rows",
            where,
            list(prepared.constant),
            prepared.features.num_rows,
        )
    return prepared if prepared.features.num_rows or prepared.labels.num_rows else None


def _read_at(product: Product, own: Standing, where: str) -> datetime:
    """Return when the partition's own rows began to be read from their sources."""
    landed = read_manifest(product.name, "ingest", own.key)
    if landed.get("id") != own.landing:
        raise ServiceError(
            f"{where}: it is being landed anew", remedy="run it again when that has ended"
        )
    return datetime.fromisoformat(landed["started_at"])


def _tables(prepared: Prepared | None) -> dict[str, pa.Table]:
    if prepared is None:
        return {FEATURES: pa.table({}), LABELS: pa.table({})}
    return {FEATURES: prepared.features, LABELS: prepared.labels}
