"""Retention of pages, answers and summaries, by when the run was that made them.

A store has no times of its own, and the time of a partition says nothing: a year that is replayed
today is of today.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from mlfactory.lake.catalog import (
    DATA_DOCS,
    MANIFESTS,
    ON_DEMAND,
    PROFILED,
    PROFILES,
    REPORTS,
    SUMMARIES,
    UPKEEP_SEEN,
    VALIDATION,
    summaries_file,
)
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import find_json, product_store, write_json
from mlfactory.lake.summaries import era_of, summaries
from mlfactory.settings import settings

_NEWEST = 50
"""So many of the newest partitions have their pages whatever their age; Data Docs list as many."""

_MADE_BY: Mapping[str, str] = {
    REPORTS: "monitor",
    VALIDATION: "validate",
    PROFILES: "validate",
    PROFILED: "validate",
    DATA_DOCS: "validate",
}
"""The stage that makes the pages of a folder."""


def keep_pages(product: str, now: datetime, *, dry_run: bool) -> Iterator[str]:
    """Remove pages whose run was long ago; yield what that comes to.

    A page of a partition that has no manifest now stays: its run is under way, or failed.
    """
    store, days = product_store(product), settings().pages_kept_days
    for folder, stage in _MADE_BY.items():
        old = _long_ago(product, stage, now - timedelta(days=days))
        gone = [name for name in store.list(folder) if _key_of(name) in old]
        for name in [] if dry_run else gone:
            key = _key_of(name)
            # a run that has begun meanwhile took its manifest away before it writes anything
            if str(read_manifest(product, stage, key).get("id")) == old[key]:
                store.delete(name)
        if gone:
            yield f"{folder}: {len(gone)} pages removed, of runs more than {days} days ago"


def keep_answers(product: str, now: datetime, *, dry_run: bool) -> Iterator[str]:
    """Remove answers that upkeep saw first long ago; yield what that comes to."""
    store, days = product_store(product), settings().answers_kept_days
    known = find_json(store, UPKEEP_SEEN) or {}
    there = store.list(ON_DEMAND)
    seen = {name: str(known.get(name, now.isoformat(timespec="seconds"))) for name in there}
    oldest = now - timedelta(days=days)
    gone = [name for name, moment in seen.items() if datetime.fromisoformat(moment) < oldest]
    if not dry_run:
        for name in gone:
            store.delete(name)
        left = {name: moment for name, moment in seen.items() if name not in gone}
        if left != known:
            write_json(store, UPKEEP_SEEN, left)
    if gone:
        yield f"{ON_DEMAND}: {len(gone)} files removed, seen first more than {days} days ago"


def keep_summaries(product: str, *, dry_run: bool) -> Iterator[str]:
    """Remove what is remembered of manifests that are gone, or as an earlier revision wrote it."""
    store = product_store(product)
    manifests = (name.split("/", 2)[1:] for name in store.list(MANIFESTS))
    needed = {
        summaries_file(stage, era_of(file.removesuffix(".json"))) for stage, file in manifests
    }
    gone = [name for name in store.list(SUMMARIES) if name not in needed]
    for name in [] if dry_run else gone:
        store.delete(name)
    if gone:
        yield f"{SUMMARIES}: {len(gone)} files removed, of manifests that are gone"


def _long_ago(product: str, stage: str, oldest: datetime) -> dict[str, str]:
    """Return the partitions whose run of a stage was before a moment, each with the run's id."""
    runs = summaries(product, stage)
    before = sorted(runs)[:-_NEWEST]
    return {
        key: str(runs[key]["id"])
        for key in before
        if datetime.fromisoformat(str(runs[key]["started_at"])) < oldest
    }


def _key_of(name: str) -> str:
    """Return the partition that a page is of, by its name; empty if it is of none."""
    parts: Sequence[str] = name.split("/")
    if parts[0] == DATA_DOCS:
        # data_docs/validations/<source>/<key>/<time>/<source>.html
        return parts[3] if len(parts) == 6 and parts[1] == "validations" else ""
    return parts[-1].removesuffix(".html").removesuffix(".npz")
