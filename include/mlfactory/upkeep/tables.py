"""Upkeep of a product's tables: fewer files, and no versions that are old and not pointed to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from mlfactory.lake import ledger, old_versions
from mlfactory.lake.catalog import FEATURES, LABELS
from mlfactory.lake.tables import Lake
from mlfactory.settings import settings
from mlfactory.trainings.files import find_fitted, trainings_of

Pinned = dict[str, set[int]]
"""By table, the versions that must stay readable."""


def keep_tables(product: str, now: datetime, *, dry_run: bool) -> Iterator[str]:
    """Make the files of each table few and remove what is old; yield what that comes to.

    What stays: the newest version; every one that was the newest within
    `MLFACTORY_VERSIONS_KEPT_DAYS`, which those are that a manifest of that time names; and, however
    old, what the training of a registered model, or one that is open, has pinned.
    """
    pinned, days = pinned_versions(product, now), settings().versions_kept_days
    before_ms = int((now - timedelta(days=days)).timestamp() * 1000)
    for table in old_versions.tables_of(product):
        address = Lake(product).address(table)
        small = old_versions.scattered(address)
        if small and (dry_run or old_versions.compact(address, small)):
            count = sum(small.values())
            yield f"{table}: {count} small files of {len(small)} partitions made fewer"
        # the log first: of a version that it no longer tells nobody misses the files
        log = old_versions.unneeded_log(address, pinned.get(table, ()), before_ms)
        if log and not dry_run:
            old_versions.remove_log(address, log)
        if log:
            yield f"{table}: {len(log)} files of its log removed, older than {days} days"
        vacuum = old_versions.unneeded_files if dry_run else old_versions.remove_files
        gone = vacuum(address, pinned.get(table, ()), days)
        if gone:
            yield f"{table}: {len(gone)} files removed that no version needs of {days} days"


def pinned_versions(product: str, now: datetime) -> Pinned:
    """Return the versions that trainings pinned which came to a model, or may still.

    One that is neither fitted nor younger than `MLFACTORY_VERSIONS_KEPT_DAYS` was given up. One
    that came by a release has pinned versions of the tables that it was trained on, which are
    another lake's: here their numbers are those of other rows.
    """
    oldest = now - timedelta(days=settings().versions_kept_days)
    found: Pinned = {FEATURES: set(), LABELS: set()}
    elsewhere = _made_elsewhere(product)
    for training in trainings_of(product):
        if training.training_id in elsewhere:
            continue
        if datetime.fromisoformat(training.pinned_at) < oldest and (
            find_fitted(product, training.training_id) is None
        ):
            continue
        found[FEATURES].add(training.features_version)
        found[LABELS].add(training.labels_version)
    return found


def _made_elsewhere(product: str) -> set[str]:
    """Return the trainings of which every decision here is a release: none was judged here."""
    decided = ledger.entries(product, *ledger.DECISIONS)
    ours = {entry.subject for entry in decided if ledger.RELEASED not in entry.details}
    return {entry.subject for entry in decided} - ours
