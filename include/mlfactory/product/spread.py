"""When after the end of a partition its run begins: not all products in the same minute."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from mlfactory.product.partitions import Every

_MINUTES = {"hour": 30, "day": 240, "week": 240, "month": 240, "snapshot": 1}
"""Within how many minutes runs are spread: half an hour of an hour, four hours of all others."""

SHORTEST: dict[Every, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=28),
}
"""How long the shortest partition is; its run begins before the next one has ended."""


def spread(name: str, every: Every) -> timedelta:
    """Return how long after the end of a partition a product's run begins, if nobody says so.

    In whole minutes, made of the name alone: the same on every machine and in every revision.
    """
    digest = hashlib.sha256(name.encode()).digest()
    return timedelta(minutes=int.from_bytes(digest[:8], "big") % _MINUTES[every])
