"""The newest event of a product, asked of the lake alone and of no stage."""

from __future__ import annotations

from datetime import datetime

import pyarrow.compute as pc

from mlfactory.lake.catalog import FEATURES
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_LOOKED_BACK = 400
"""Partitions that are looked through for the newest event, where the newest ones have none."""


def newest_event(product: Product, partition: Partition) -> datetime | None:
    """Return the time (UTC) of the newest event up to a partition's end, None if there is none.

    The partition may never have been run. Rows count as they stand, whichever run left them: while
    a partition is prepared again no manifest vouches for its rows, and its events are no older for
    that. Of a run that was cut off, other figures tell.
    """
    lake, column = Lake(product.name), str(product.spec.features.event_time)
    looked_at = {slot.key for slot in product.calendar.back(partition, _LOOKED_BACK)}
    # sorted, so that the last one with a row holds the newest event
    for key in reversed([key for key in lake.partitions(FEATURES) if key in looked_at]):
        newest = [
            pc.max(batch[column]).as_py()
            for batch in lake.batches(FEATURES, [key], columns=[column])
        ]
        known = [moment for moment in newest if moment is not None]
        if known:
            return max(known)  # type: ignore[no-any-return]
    return None
