"""Spans of partitions as people name them: by the keys of the first and the last."""

from __future__ import annotations

from datetime import UTC, datetime

from mlfactory.cycle.clock import refuse_unfinished
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import SNAPSHOT, Partition


def span_of(product: Product, first: str | None, last: str | None) -> list[Partition]:
    """Return the partitions between two keys, both included.

    Raises:
        UsageError: a key is wrong or missing, they are in no order, or the last is not over.
    """
    start, end = partition_of(product, first), partition_of(product, last)
    if end < start:
        raise UsageError(
            f"the last partition, '{last}', is before the first, '{first}'",
            remedy="give them in the order of time",
        )
    refuse_unfinished(product, end)
    return product.calendar.span(start, end)


def span_in_words(first: Partition, last: Partition) -> str:
    """Return a span of partitions in words."""
    return str(first) if first == last else f"{first} to {last}"


def partition_of(product: Product, key: str | None) -> Partition:
    """Return the partition of a key; of a snapshot's only one it may be left out.

    Raises:
        UsageError: the key is none, or missing.
    """
    calendar = product.calendar
    if key is None and not calendar.is_snapshot:
        example = calendar.containing(calendar.first or datetime(2026, 1, 1, tzinfo=UTC)).key
        raise UsageError(
            f"product {product.name} has a partition a {calendar.every}: say which one is meant",
            remedy=f"give its key, such as '{example}'",
        )
    return calendar.parse(key or SNAPSHOT)
