"""The note that a backup is being put back into the lake: there until the last file is.

It keeps every stage, release and backup from building on a part of a factory.
"""

from __future__ import annotations

from mlfactory.lake.catalog import RESTORE
from mlfactory.lake.holding import find_held
from mlfactory.lake.store import store_at
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.settings import settings


def refuse_half_restored() -> None:
    """Make sure that the lake is not a backup that is put back in part.

    Raises:
        ServiceError: one is being put back: when that has ended, work may begin.
        UsageError: that was cut off.
    """
    lake = store_at(settings().lake_uri)
    note = find_held(lake, RESTORE)
    if note is None:
        return
    backup = note.about.get("backup")
    if note.goes_on:
        raise ServiceError(
            f"the backup {backup} is being put back into {lake.address()}, by {note.whose}",
            remedy="run it again when that has ended",
        )
    raise UsageError(
        f"{lake.address()} has a part of the backup {backup}: a restore of it was cut off",
        remedy=f"mlfactory restore {backup} goes on with it",
    )
