"""Over which partitions things are measured: as many, ending with the newest, as it takes to tell.

A day of 24 rows can tell little by itself, a week of such days more. So what is measured about a
partition is a window that reaches back from it. Where drift is looked for it is never longer than a
training's hold-out: what changed is to be found while it is new. How good a model is takes longer
to tell, for rows share what their day brought: there it may be four weeks.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from datetime import timedelta

from mlfactory.lake.due import landing_of
from mlfactory.lake.manifests import read_manifest
from mlfactory.product.defaults import JUDGED_OVER
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)

MOST_AGAIN = 100
"""Earlier partitions that are measured again when their labels are told: each takes seconds."""

_SHORTEST = {"hour": 24}
"""Partitions in the shortest window: an hour is compared together with the rest of its day."""


def drift_windows(
    product: Product, partition: Partition, seen_through: str
) -> Iterator[list[Partition]]:
    """Give the windows over which drift is looked for, the shortest first.

    Args:
        seen_through: the newest partition that the champion learned from or was chosen by. What
            it has seen is not new, so no window reaches there.
    """
    shortest = _SHORTEST.get(product.calendar.every, 1)
    longest = max(product.spec.holdout_partitions, shortest)
    yield from _windows(product, partition, longest, seen_through)


def performance_windows(product: Product, partition: Partition) -> Iterator[list[Partition]]:
    """Give the windows over which a model's answers are judged, the shortest first."""
    longest = max(product.spec.holdout_partitions, JUDGED_OVER[product.calendar.every])
    yield from _windows(product, partition, longest)


def windows_of(product: Product, partition: Partition, least: timedelta) -> int:
    """Return over how many windows of so much time or more answers are judged; at least 1.

    Where each of them is asked the same until one tells, they share what chance may do.
    """
    spans = [slots[-1].end - slots[0].start for slots in performance_windows(product, partition)]
    return max(sum(span >= least for span in spans), 1)


def _windows(
    product: Product, partition: Partition, longest: int, after: str = ""
) -> Iterator[list[Partition]]:
    """Give the windows that end with `partition`, each about twice the last.

    None reaches before the product's first partition, or to one that is not later than `after`.
    """
    calendar = product.calendar
    if calendar.is_snapshot:
        yield [partition]
        return
    length, had = _SHORTEST.get(calendar.every, 1), 0
    while True:
        slots = calendar.back(partition, min(length, longest))
        slots = [slot for slot in slots if slot.key > after]
        if len(slots) == had:
            return
        yield slots
        had, length = len(slots), 2 * length


def measured_at(product: Product, partition: Partition) -> list[tuple[Partition, Partition]]:
    """Return which partitions' performance to measure when `partition` is run, and as of when.

    Each comes with the partition at whose end its labels are looked at. It is `partition` itself,
    at its own end, and the earlier ones whose last label fell due within it, or of which labels
    were told within it. Where the partition in which its own labels fell due was monitored already,
    it is being run again: then it is measured as of that one too, for labels that came late are in
    the lake only now.
    """
    calendar = product.calendar
    if calendar.is_snapshot:
        return [(partition, partition)]
    delay = product.spec.label.arrives_after
    first = calendar.containing(partition.start - delay)
    if calendar.first is not None and first.start < calendar.first:
        first = calendar.containing(calendar.first)
    found = [
        (slot, partition)
        for slot in calendar.span(first, calendar.containing(partition.end - delay))
        if partition.start < slot.end + delay <= partition.end and slot.start < partition.start
    ]
    found = [*_told_of(product, partition, {slot.key for slot, _ in found}), *found]
    found.append((partition, partition))
    due = settled_at(product, partition)
    if due.start > partition.start and read_manifest(product.name, "monitor", due.key):
        found.append((partition, due))
    return found


def _told_of(
    product: Product, partition: Partition, known: Collection[str]
) -> list[tuple[Partition, Partition]]:
    """Return the earlier partitions of which labels were told within `partition`, the newest ones.

    Those that are known to be measured anyway are left out.
    """
    facts = read_manifest(product.name, "prepare", partition.key).get("facts", {})
    first = product.calendar.first
    oldest = product.calendar.containing(first).key if first else ""
    told = sorted(facts.get("labels", {}).get("of", {}).keys() - known)
    slots = [product.calendar.parse(key) for key in told if oldest <= key < partition.key]
    if len(slots) > MOST_AGAIN:
        _log.warning(
            "%s %s: labels of %d earlier partitions were told, and the newest %d are measured "
            "again; measure another with mlfactory run %s <partition> --stage monitor",
            product.name,
            partition,
            len(slots),
            MOST_AGAIN,
            product.name,
        )
    return [(slot, partition) for slot in slots[-MOST_AGAIN:]]


def settled_at(product: Product, about: Partition) -> Partition:
    """Return the partition by whose end every label of `about` that comes in time has come."""
    if product.calendar.is_snapshot:
        return about
    delay = product.spec.label.arrives_after
    due = landing_of(product, about.end + delay)
    # a label that is due at the very start of a partition was due at the end of the one before
    return product.calendar.shift(due, -1) if due.start == about.end + delay else due
