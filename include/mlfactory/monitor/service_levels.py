"""Whether a product keeps what it promises of its data: how old the newest event is."""

from __future__ import annotations

from datetime import datetime

from mlfactory.lake.tables import Lake
from mlfactory.monitor.findings import ALERT, FRESHNESS, NO_DATA, OK, Finding
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


def freshness(product: Product, partition: Partition) -> Finding | None:
    """Return the age in hours of the newest event at the end of `partition`, held to its bound.

    None for a snapshot, whose rows have no time.
    """
    if product.calendar.is_snapshot or product.spec.features.event_time is None:
        return None
    promised = product.spec.monitor.slo.freshness
    bound = None if promised is None else promised.total_seconds() / 3600
    newest = _newest_event(product, partition)
    if newest is None:
        return Finding(partition.key, FRESHNESS, bound=bound, state=NO_DATA)
    age = (partition.end - newest).total_seconds() / 3600
    state = None if bound is None else OK if age <= bound else ALERT
    return Finding(partition.key, FRESHNESS, value=age, bound=bound, state=state)


def _newest_event(product: Product, partition: Partition) -> datetime | None:
    lake = Lake(product.name)
    column = str(product.spec.features.event_time)
    parse = product.calendar.parse
    until = [
        key for key in lake.partitions("features") if parse(key).start <= partition.start
    ]  # sorted, so that the last one with a row holds the newest event
    for key in reversed(until):
        times = lake.read("features", [key], columns=[column])[column].dropna()
        if len(times):
            return times.max().to_pydatetime()  # type: ignore[no-any-return]
    return None
