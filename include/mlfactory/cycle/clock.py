"""A partition is run when it is over: half a day would stand for the whole one ever after."""

from __future__ import annotations

from datetime import UTC, datetime

from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


def refuse_unfinished(product: Product, partition: Partition, now: datetime | None = None) -> None:
    """Refuse a partition that is not over; a snapshot has no end, and is taken as it is.

    Raises:
        UsageError: if it ends after `now`, which is the present by default.
    """
    if product.calendar.is_snapshot or partition.end <= (now or datetime.now(UTC)):
        return
    raise UsageError(
        f"partition {partition} of {product.name} is not over: it ends at "
        f"{partition.end:%Y-%m-%d %H:%M} UTC",
        remedy="run it then; what is run before would train and be judged as a whole partition",
    )
