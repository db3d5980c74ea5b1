"""When the labels of a partition are due, and where they land then: told by the calendar alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_TICK = timedelta(microseconds=1)


def landing_of(product: Product, due: datetime) -> Partition:
    """Return the partition in which a label lands that is told from later rows, and due then."""
    return product.calendar.containing(due)


def fell_due(product: Product, partition: Partition, patience: timedelta) -> list[Partition]:
    """Return the earlier partitions whose last label was due, and patience over, in `partition`."""
    delay = product.spec.label.arrives_after + patience
    if product.calendar.is_snapshot or not delay:
        return []
    calendar = product.calendar
    first = calendar.containing(partition.start - delay)
    last = calendar.containing(partition.end - delay)
    return [
        slot
        for slot in calendar.span(first, last)
        if partition.start < slot.end + delay <= partition.end and slot.start < partition.start
    ]


def all_due(product: Product, slot: Partition) -> datetime:
    """Return when the last label of a partition is due."""
    return slot.end + product.spec.label.arrives_after


def landings_of(product: Product, keys: Sequence[str], until: datetime) -> list[str]:
    """Return the partitions in which labels of the events of `keys` may have landed.

    Those that build makes land where they fall due. Those that come from a source land where they
    were told, at any time after their event: of these the ones that were told before `until`.
    """
    if not keys:
        return []
    if product.spec.label.is_told:
        first = product.calendar.parse(min(keys))
        last = product.calendar.containing(until - _TICK)
        return [slot.key for slot in product.calendar.span(first, last)]
    delay = product.spec.label.arrives_after
    if product.calendar.is_snapshot or not delay or not product.spec.features.history:
        return sorted(set(keys))
    found = set(keys)
    for slot in map(product.calendar.parse, keys):
        last = landing_of(product, slot.end + delay - _TICK)
        found.update(
            each.key
            for each in product.calendar.span(landing_of(product, slot.start + delay), last)
        )
    return sorted(found)
