"""What upkeep waits for: it does nothing beneath work that is under way."""

from __future__ import annotations

from mlfactory.lake.at_work import under_way
from mlfactory.lake.catalog import RESTORE
from mlfactory.lake.holding import find_held
from mlfactory.lake.removal_note import removal_under_way
from mlfactory.lake.store import store_at
from mlfactory.settings import settings

UPKEEP = "upkeep"
"""What upkeep says in its note that it is."""


def in_the_way(product: str, ours: int = 0) -> str | None:
    """Return what upkeep waits for in words, None if nothing is being done to the product.

    Args:
        ours: how many notes of work are the asker's own.

    Raises:
        IntegrityError: if a note is none.
    """
    works = under_way(product)
    if len(works) > ours:
        others = [work.what for work in works if work.what != UPKEEP] or [UPKEEP]
        return f"waits: {'; '.join(others[:3])} is under way"
    if (begun := removal_under_way(product)) is not None:
        what = "an erasure" if begun.erasure else "a reset"
        again = "erase {} --resume" if begun.erasure else "reset {}"
        return f"waits: {what} is under way, or was cut off (mlfactory {again.format(product)})"
    if find_held(store_at(settings().lake_uri), RESTORE) is not None:
        return "waits: a restore is under way, or was cut off"
    return None
