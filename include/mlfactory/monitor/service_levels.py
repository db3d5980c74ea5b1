"""Whether a product keeps what it promises of its data: fresh events, and labels in time."""

from __future__ import annotations

from datetime import datetime

from mlfactory.lake.newest import newest_event
from mlfactory.lake.overdue import overdue
from mlfactory.monitor.findings import ALERT, FRESHNESS, LABELS_IN_TIME, NO_DATA, OK, Finding
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


def freshness(product: Product, partition: Partition, newest: datetime | None) -> Finding | None:
    """Return the age in hours of the newest event at the end of `partition`, held to its bound.

    None for a snapshot, whose rows have no time.

    Args:
        newest: event of the partition itself, None if it has none: then those before it are asked.
    """
    if product.calendar.is_snapshot or product.spec.features.event_time is None:
        return None
    return _aged(product, partition, newest or newest_event(product, partition))


def labels_in_time(product: Product, partition: Partition) -> list[Finding]:
    """Return a finding for each partition whose labels became overdue within `partition`.

    The value is the share of its events with a label; too small a share is an alert.
    """
    least = product.spec.label.covers
    return [
        Finding(
            late.partition,
            LABELS_IN_TIME,
            value=late.labelled / late.rows,
            bound=least,
            state=OK if late.labelled >= least * late.rows else ALERT,
            as_of=partition.key,
        )
        for late in overdue(product, partition)
    ]


def _aged(product: Product, partition: Partition, newest: datetime | None) -> Finding:
    promised = product.spec.monitor.slo.freshness
    bound = None if promised is None else promised.total_seconds() / 3600
    if newest is None:
        return Finding(partition.key, FRESHNESS, bound=bound, state=NO_DATA)
    age = (partition.end - newest).total_seconds() / 3600
    state = None if bound is None else OK if age <= bound else ALERT
    return Finding(partition.key, FRESHNESS, value=age, bound=bound, state=state)
