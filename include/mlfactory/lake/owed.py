"""Partitions that are to be read again, as their labels have come since they were read.

A partition is owed its labels from the moment at which its reading again begins until it has been
read, validated and prepared: a mark in the lake says so. What fails, or is killed, stays owed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from mlfactory.lake.catalog import LABELS_OWED, owed_file
from mlfactory.lake.due import all_due, fell_due
from mlfactory.lake.manifests import read_manifests
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

MOST_OWED = 12
"""How many partitions that could not be read before are tried again at a time."""

Manifests = Mapping[str, Mapping[str, Any]]


def due_again(product: Product, partition: Partition) -> list[Partition]:
    """Return the partitions to read again before `partition`, as their labels have come since.

    The last label of these fell due within `partition`, and their own rows were read (by the clock
    on the wall) before that: what was read as a label until then is provisional. Before them come
    those that fell due earlier and could not be read, a few at a time and in turns. A backfill
    reads everything late, and names none.
    """
    if product.spec.label.is_told:
        # they are read in the partition in which they are told
        return []
    new = {slot.key for slot in fell_due(product, partition, timedelta(0))}
    marked = _marked(product)
    if not new and not marked:
        return []
    landed, built = (
        read_manifests(product.name, stage, sorted(new | marked)) for stage in ("ingest", "prepare")
    )
    owed = _owed(product, new | marked, landed, built, marked)
    for key in marked - owed:
        end_reading(product, key)
    earlier = sorted(owed - new)
    turn = product.calendar.ordinal(partition) * MOST_OWED % max(len(earlier), 1)
    tried = sorted((earlier[turn:] + earlier[:turn])[:MOST_OWED])
    return [product.calendar.parse(key) for key in [*tried, *sorted(owed & new)]]


def owed_by(
    product: Product, partition: Partition, landed: Manifests, built: Manifests
) -> list[Partition]:
    """Return every partition that is owed labels which fell due by the end of `partition`.

    Args:
        landed: the manifests of `ingest`, or summaries of them, by partition.
        built: those of `prepare`.
    """
    label = product.spec.label
    if product.calendar.is_snapshot or not label.arrives_after or label.is_told:
        return []
    marked = _marked(product)
    keys = {
        key
        for key in {*landed, *marked}
        if all_due(product, product.calendar.parse(key)) <= partition.end
    }
    owed = _owed(product, keys, landed, built, marked)
    return [product.calendar.parse(key) for key in sorted(owed)]


def begin_reading(product: Product, key: str) -> None:
    """Note that a partition is about to be read again for its labels."""
    product_store(product.name).write(owed_file(key), b"")


def end_reading(product: Product, key: str) -> None:
    """Note that the labels of a partition have been read."""
    product_store(product.name).delete(owed_file(key))


def _marked(product: Product) -> set[str]:
    names = product_store(product.name).list(LABELS_OWED)
    return {name.removeprefix(f"{LABELS_OWED}/") for name in names}


def _owed(
    product: Product, keys: Iterable[str], landed: Manifests, built: Manifests, marked: set[str]
) -> set[str]:
    """Return the partitions whose rows were read before their labels were due.

    How many of the rows had a label then says nothing: what is made of a list of what happened
    ("was it returned?") is False where nothing has happened yet, and never missing. One that is
    marked is owed as well where its reading was cut off, which took manifests away.
    """
    owed = set()
    for key in keys:
        ingest, prepare = landed.get(key, {}), built.get(key, {})
        if not ingest or not prepare:
            is_owed = key in marked
        elif _started(prepare) < _started(ingest):
            # its labels may lie in the lake, but nothing has been made of them
            is_owed = key in marked
        else:
            was_early = _started(ingest) < all_due(product, product.calendar.parse(key))
            is_owed = was_early and prepare["counts"]["rows"] > 0
        if is_owed:
            owed.add(key)
    return owed


def _started(manifest: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(manifest["started_at"])
