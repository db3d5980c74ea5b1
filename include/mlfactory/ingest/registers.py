"""Registers: sources without event times, kept as they were seen when a partition was landed.

Nothing in their rows says when they were true, so only the moment of reading does. A partition that
is landed again keeps the register that it has; one that is landed late takes the newest that had
been read by its end, where there is one. One that has the labels is read anew when they have come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import LANDING, PARTITION, SEEN_AT, raw
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


@dataclass(frozen=True)
class Seen:
    """A register as it was seen: its landed rows, of which partition, and when it was read."""

    rows: pa.Table
    partition: str
    at: datetime


def seen_before(
    product: Product, lake: Lake, name: str, partition: Partition, now: datetime
) -> Seen | None:
    """Return the register that `partition` is to have without reading its source again.

    None if it is to be read now: it was never read for this partition, or what was read then was
    stopped by its validation; and the partition is the newest one that is over, or no earlier
    landing was read by its end. A snapshot's sources are always read again.
    """
    if product.calendar.is_snapshot:
        return None
    own = _landed(lake, name, partition.key)
    if own is not None and not _was_stopped(product, name, partition, own):
        return own
    if own is not None or now < product.calendar.shift(partition, 1).end:
        return None
    read = {
        key: at
        for key, at in lake.newest(raw(name), SEEN_AT).items()
        if at <= partition.end and key < partition.key
    }
    return _landed(lake, name, max(read, key=lambda key: (read[key], key))) if read else None


def _landed(lake: Lake, name: str, key: str) -> Seen | None:
    if SEEN_AT not in lake.columns(raw(name)):
        return None
    rows = lake.arrow(raw(name), [key])
    if rows is None or not rows.num_rows:
        return None
    at: datetime = pc.max(rows.column(SEEN_AT)).as_py()
    return Seen(rows.drop_columns([PARTITION]), key, at)


def _was_stopped(product: Product, name: str, partition: Partition, own: Seen) -> bool:
    """Tell whether the validation of the very rows that are there stopped because of them."""
    validation = read_manifest(product.name, "validate", partition.key)
    judged = validation.get("reads", {}).get(f"ingest/{partition.key}")
    landing = own.rows.column(LANDING)[0].as_py()
    return judged == landing and name in validation["facts"].get("stopped_by", ())
