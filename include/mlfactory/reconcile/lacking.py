"""What a product lacks by now, read from its lake alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from mlfactory.lake import ledger
from mlfactory.lake.catalog import MANIFESTS
from mlfactory.lake.labels import due_again
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.staleness import stale_runs
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition, as_utc
from mlfactory.reconcile.gaps import (
    DATA,
    MISSING,
    MONITOR,
    OLD,
    SCORE,
    STALE,
    TRAIN,
    UNCONSUMED,
    UNREAD,
    UNTRAINED,
    Gap,
)

PATIENCE = timedelta(minutes=10)
"""How long the chain of a partition may take from one step to the next before it is missed."""

_MENDED_BACK = {"hour": 48, "day": 14, "week": 8, "month": 3}
"""How many of the newest partitions are run by themselves where they are missing. Older ones are
told and left to a person: a product whose history was replayed in part is not run to its end."""

_MOST_MISSING = 10_000
_FOLLOWS = (("prepare", "score", SCORE), ("score", "monitor", MONITOR))
_MENDED_BY = {"score": SCORE, "monitor": MONITOR}
"""What mends a stale run by itself. Stale data is told and left to a person: its DAG would land the
partition again from what the source holds today, which may be less than was landed then."""


def lacking(product: Product, now: datetime) -> list[Gap]:
    """Return what a product lacks at `now`, in the order in which it should be mended."""
    return [
        *_missing(product, now),
        *_stale(product),
        *_unconsumed(product, now),
        *_untrained(product, now),
        *_unread(product, now),
        *_old(product, now),
    ]


def _missing(product: Product, now: datetime) -> Iterator[Gap]:
    calendar = product.calendar
    keys = _keys(product, "ingest")
    if calendar.is_snapshot or not keys:
        return
    oldest, newest = calendar.parse(keys[0]), _newest_over(product, now)
    if newest is None or newest < oldest:
        return
    known = set(keys)
    places = min(calendar.ordinal(newest) - calendar.ordinal(oldest) + 1, _MOST_MISSING)
    absent = [one for one in calendar.back(newest, places) if one.key not in known]
    mended_from = calendar.shift(newest, 1 - _MENDED_BACK[calendar.every])
    old = [one for one in absent if one < mended_from]
    if old:
        span = old[0].key if len(old) == 1 else f"{old[0]} to {old[-1]}"
        words = f"{_count(len(old), 'partition')} of {span} never run"
        remedy = f"run what you need: mlfactory replay {product.name} {old[0]} {old[-1]}"
        yield Gap(MISSING, old[-1].key, DATA, words, hindrance=f"long ago; {remedy}")
    for one in absent[len(old) :]:
        yield Gap(MISSING, one.key, DATA, f"over since {one.end:%Y-%m-%d %H:%M} UTC, never run")


def _newest_over(product: Product, now: datetime) -> Partition | None:
    """Return the newest partition that is over, with the patience that its run is given."""
    calendar, end = product.calendar, product.spec.partition.end
    moment = now - PATIENCE
    if end is not None and as_utc(end) < moment:
        # the product's time has ended: nothing was on schedule, and gaps are only those within
        keys = _keys(product, "ingest")
        return calendar.parse(keys[-1]) if keys else None
    current = calendar.containing(moment)
    return calendar.shift(current, -1)


def _unconsumed(product: Product, now: datetime) -> Iterator[Gap]:
    for done, next_stage, part in _FOLLOWS:
        known = set(_keys(product, next_stage))
        for key in _keys(product, done):
            if key in known:
                continue
            ended = _ended(product, done, key)
            if ended is not None and now - ended > PATIENCE:
                words = f"{done} ended {ended:%Y-%m-%d %H:%M} UTC, and no {next_stage} followed"
                yield Gap(UNCONSUMED, key, part, words)


def _untrained(product: Product, now: datetime) -> Iterator[Gap]:
    entries = ledger.entries(product.name)
    for place, asked in enumerate(entries):
        if asked.event != "retrain_requested":
            continue
        answered = any(
            later.event in ("promoted", "rejected", "retrain_requested")
            for later in entries[place + 1 :]
        )
        if not answered and now - datetime.fromisoformat(asked.at) > PATIENCE:
            words = f"asked for at {asked.at} ({asked.why}), and neither promoted nor rejected"
            yield Gap(UNTRAINED, asked.partition, TRAIN, words)


def _unread(product: Product, now: datetime) -> Iterator[Gap]:
    keys = _keys(product, "ingest")
    if product.calendar.is_snapshot or not keys:
        return
    # its run reads them again before its own rows
    newest = keys[-1]
    ended = _ended(product, "ingest", newest)
    if ended is not None and now - ended > PATIENCE:
        for due in due_again(product, product.calendar.parse(newest)):
            words = f"labels fell due by {newest}, and it was not read again"
            yield Gap(UNREAD, due.key, DATA, words)


def _stale(product: Product) -> Iterator[Gap]:
    told = set()
    for run in stale_runs(product.name):
        if run.key not in told:
            # what follows from it in the same partition is run again with it
            told.add(run.key)
            words = f"{run.stage} read {', '.join(run.because)} before it was run again"
            if run.stage not in _MENDED_BY:
                words += f"; mlfactory run {product.name} {run.key} --downstream runs it anew"
            yield Gap(STALE, run.key, _MENDED_BY.get(run.stage, ""), words)


def _old(product: Product, now: datetime) -> Iterator[Gap]:
    promised = product.spec.monitor.slo.freshness
    end = product.spec.partition.end
    if promised is None or product.calendar.is_snapshot or (end and as_utc(end) < now):
        return
    keys = _keys(product, "prepare")
    for key in reversed(keys):
        if read_manifest(product.name, "prepare", key).get("counts", {}).get("rows"):
            # no event of it is younger than its end
            age = now - product.calendar.parse(key).end
            if age > promised:
                words = f"the newest event is {_hours(age)} old, bound {_hours(promised)}"
                yield Gap(OLD, key, "", words)
            return
    if keys:
        yield Gap(OLD, keys[-1], "", "no partition has an event")


def _keys(product: Product, stage: str) -> list[str]:
    """Return the partitions that a stage has done; keys sort as their times do."""
    folder = f"{MANIFESTS}/{stage}/"
    names = product_store(product.name).list(folder.rstrip("/"))
    return sorted(name.removeprefix(folder).removesuffix(".json") for name in names)


def _ended(product: Product, stage: str, key: str) -> datetime | None:
    manifest = read_manifest(product.name, stage, key)
    if not manifest:
        return None
    return datetime.fromisoformat(manifest["started_at"]) + timedelta(seconds=manifest["seconds"])


def _hours(duration: timedelta) -> str:
    return f"{duration.total_seconds() / 3600:,.0f} h"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
