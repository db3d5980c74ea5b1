"""Partitions whose labels should all have come, and have not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlfactory.lake.due import all_due, fell_due
from mlfactory.lake.known import count_known
from mlfactory.lake.manifests import read_manifest
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


@dataclass(frozen=True)
class Overdue:
    """A partition whose labels should all have come, and have not.

    Attributes:
        rows: its events.
        labelled: those whose label is known.
        due: when the last of its labels was due.
    """

    partition: str
    rows: int
    labelled: int
    due: datetime


def overdue(product: Product, partition: Partition) -> list[Overdue]:
    """Return the partitions whose labels became overdue within `partition`, with their figures.

    A partition is overdue `labels_overdue_after` (see the spec) after its last label was due. That
    some events never get a label is usual (a cancelled flight): how many are too many is for the
    caller to say.
    """
    found = []
    for slot in fell_due(product, partition, product.spec.labels_overdue_after):
        built = read_manifest(product.name, "prepare", slot.key)
        rows = _count(built, "rows")
        if not rows:
            continue
        labelled = count_known(product, slot, partition.end)
        if labelled < rows:
            found.append(Overdue(slot.key, rows, labelled, all_due(product, slot)))
    return found


def _count(manifest: Mapping[str, Any], name: str) -> int:
    return int(manifest["counts"].get(name, 0)) if manifest else 0
