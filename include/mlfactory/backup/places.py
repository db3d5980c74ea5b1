"""Where a backup may lie: beside what it is a copy of, not within it and not around it."""

from __future__ import annotations

from sqlalchemy import URL

from mlfactory.lake.addresses import overlap
from mlfactory.lake.store import Store
from mlfactory.product.errors import UsageError
from mlfactory.settings import settings


def refuse_within(place: Store, url: URL) -> None:
    """Make sure that a backup is no part of the factory, nor that of it.

    A restore that empties the factory would take it away with it.

    Raises:
        UsageError: it is.
    """
    here, now = place.address(), settings()
    files = [str(url.database)] if url.get_backend_name() == "sqlite" else []
    for other in (now.lake_uri, now.artifacts_uri, str(now.home), *files):
        if overlap(here, other):
            raise UsageError(
                f"{here} is a part of what is saved or restored, or holds it ({other})",
                remedy="name a place beside it",
            )
