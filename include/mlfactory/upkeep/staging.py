"""Upkeep of what shards leave: a run that never came to its gathering leaves it behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from mlfactory.lake.catalog import STAGING, staging_file, staging_folder
from mlfactory.lake.store import find_json, product_store
from mlfactory.product.errors import IntegrityError

_LONGEST = timedelta(days=7)
"""No run of a partition takes longer, and one that failed may be taken up again for as long."""

_BEGUN = "begun.json"


def keep_staging(product: str, now: datetime, *, dry_run: bool) -> Iterator[str]:
    """Remove what shards left that were begun long ago, and yield each run of them."""
    store = product_store(product)
    for run in sorted({name.split("/")[1] for name in store.list(STAGING)}):
        begun = None
        with suppress(IntegrityError, ValueError, KeyError):
            said = find_json(store, staging_file(run, _BEGUN)) or {}
            begun = datetime.fromisoformat(said["begun"])
        if begun is not None and now - begun <= _LONGEST:
            continue
        if not dry_run:
            store.delete_all(staging_folder(run))
        yield f"{product}: removed what the shards of {run} left, which was never gathered"
