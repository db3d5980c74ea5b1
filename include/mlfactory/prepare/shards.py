"""The shards of a partition: each is built alone, wherever it is run, and then all are gathered."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mlfactory.lake.at_work import at_work, refuse_removed
from mlfactory.lake.catalog import FEATURES, LABELS
from mlfactory.lake.manifests import run_name
from mlfactory.lake.removal_note import refuse_half_removed
from mlfactory.lake.restore_note import refuse_half_restored
from mlfactory.prepare import staging
from mlfactory.prepare.build import call_build
from mlfactory.prepare.cutting import cut_sources, load_shard
from mlfactory.prepare.profiling import summarised
from mlfactory.prepare.sources import Stretch, read_at, stretch_of, told_later
from mlfactory.prepare.staging import Note
from mlfactory.prepare.tables import Prepared, prepare, where_of
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShardResult:
    """How many rows a shard left for the gathering, and how many labels."""

    shard: int
    rows: int
    labels: int


def build_shard(product: Product, partition: Partition, number: int, run: str) -> ShardResult:
    """Build the rows of one shard, and leave them for the gathering.

    Args:
        number: of the shard, from 0.
        run: the id of the run that all shards and the gathering belong to.

    Raises:
        UsageError: if there is no such shard, or the partition was not validated, or
            a removal or a restore was cut off.
        ContractError: if its verdict is `stop`, or a source cannot be cut.
        BuildError: if the product's function fails, or returns what its spec does not promise.
        ServiceError: if what is read is being landed anew by another run.
    """
    if not 0 <= number < product.spec.partition.shards:
        raise UsageError(
            f"{product.name} has no shard {number}: it has {product.spec.partition.shards}",
            remedy="let Airflow parse product.yaml again, then run the partition anew",
        )
    stretch = stretch_of(product, partition)
    where = where_of(product, partition, number)
    # of this try alone: one that was thought dead takes its own away when it ends
    name = f"{run}-{staging.new_file(number)}"
    with at_work(product.name, f"prepare of {partition}, shard {number + 1}", name=name):
        refuse_half_removed(product.name)
        refuse_half_restored()
        staging.begin(product, run)
        prepared = _prepared(product, partition, stretch, number, where)
        note = Note(
            partition=partition.key,
            shard=number,
            of=product.spec.partition.shards,
            file=staging.new_file(number),
            spec_hash=product.spec_hash,
            code_hash=product.code_hash,
            reads=reads_of(stretch),
            **_figures(product, prepared),
        )
        refuse_removed(product.name, name, f"prepare of {partition}")
        tables = {FEATURES: prepared.features, LABELS: prepared.labels} if prepared else {}
        staging.leave(product, run, note, tables, summarised(product, partition, prepared))
    _log.info("%s: %d rows, %d labels", where, note.features, note.labels)
    return ShardResult(number, note.features, note.labels)


def reads_of(stretch: Stretch) -> dict[str, str]:
    """Return the ids of the validations that a build reads; empty where one is not there."""
    return {
        run_name("validate", each.key): str(each.validation.get("id", ""))
        for each in (stretch.own, *stretch.history)
    }


def _prepared(
    product: Product, partition: Partition, stretch: Stretch, number: int, where: str
) -> Prepared | None:
    if not stretch.own.validation["counts"]["rows"] and not told_later(product):
        return None
    since = read_at(product, stretch.own, where)
    sources = load_shard(product, partition, stretch, number)
    timed = [name for name, source in product.spec.events_from.items() if source.event_time]
    if all(sources[name].empty for name in timed if name in cut_sources(product)):
        return None
    frame = call_build(product, where, sources)
    return prepare(product, partition, frame, since, shard=number)


def _figures(product: Product, prepared: Prepared | None) -> dict[str, Any]:
    if prepared is None:
        return {}
    key = product.spec.features.key
    schema = prepared.features.schema
    return {
        "texts": tuple(name for name in key if pa.types.is_string(schema.field(name).type)),
        "features": prepared.features.num_rows,
        "labels": prepared.labels.num_rows,
        "earlier": prepared.earlier,
        "built": prepared.built,
        "known": prepared.known,
    }
