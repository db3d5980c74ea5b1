"""What a product lacks by now, read from its lake alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain

from mlfactory.lake import ledger
from mlfactory.lake.newest import newest_event
from mlfactory.lake.owed import owed_by
from mlfactory.lake.removal_note import removal_under_way, shut_by
from mlfactory.lake.requests import unanswered
from mlfactory.lake.staleness import STAGES
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition, as_utc
from mlfactory.reconcile.chain import (
    PATIENCE,
    Done,
    all_done,
    broken_chains,
    built_with_other_code,
    ended_at,
    keys_done,
)
from mlfactory.reconcile.gaps import CUT_OFF, DATA, MISSING, OLD, TRAIN, UNREAD, UNTRAINED, Gap
from mlfactory.reconcile.late import late

_MENDED_BACK = {"hour": 48, "day": 14, "week": 8, "month": 3}
"""How many of the newest partitions are run by themselves where they are missing. Older ones are
told and left to a person: a product whose history was replayed in part is not run to its end."""

_HOUR = timedelta(hours=1)
_MOST_MISSING = 10_000
_SHOWN = 5


def lacking(product: Product, now: datetime) -> list[Gap]:
    """Return what a product lacks at `now`, in the order in which it should be mended."""
    done = all_done(product)
    missing = list(_missing(product, done, now))
    to_run = {gap.key for gap in missing if gap.can_be_mended}
    return [
        *_cut_off(product),
        *missing,
        *(gap for gap in late(product, now) if gap.key not in to_run),
        *broken_chains(product, done, now),
        *built_with_other_code(product, done),
        *_untrained(product, now),
        *_unread(product, done, now),
        *_old(product, done, now),
    ]


def _cut_off(product: Product) -> Iterator[Gap]:
    """Give the removal that was cut off: only who says so goes on with it."""
    begun, shut = removal_under_way(product.name), shut_by(product.name)
    if begun is not None and shut is not None and not begun.goes_on:
        yield Gap(CUT_OFF, "", "", shut.problem, hindrance=shut.remedy or "")


def never_landed(product: Product, key: str, words: str, now: datetime) -> Gap:
    """Return the gap of a partition that should have been landed; told only, if it is old."""
    gap = Gap(MISSING, key, DATA, words)
    if product.calendar.is_snapshot or product.calendar.parse(key) >= _mended_from(product, now):
        return gap
    return gap.hindered(f"long ago; run it if you need it: mlfactory replay {product.name} {key}")


def _missing(product: Product, done: Done, now: datetime) -> Iterator[Gap]:
    calendar = product.calendar
    # of which any stage is done: what landed may have been removed since
    keys = sorted(set(chain.from_iterable(done.values())))
    if calendar.is_snapshot or not keys:
        return
    oldest, newest = calendar.parse(keys[0]), _newest_expected(product, keys, now)
    if newest < oldest:
        return
    known = set(keys)
    absent = [one for one in _until(product, newest, oldest) if one.key not in known]
    mended_from = calendar.shift(newest, 1 - _MENDED_BACK[calendar.every])
    old = [one for one in absent if one < mended_from]
    if old:
        span = old[0].key if len(old) == 1 else f"{old[0]} to {old[-1]}"
        words = f"{_count(len(old), 'partition')} of {span} never run"
        remedy = f"run what you need: mlfactory replay {product.name} {old[0]} {old[-1]}"
        # named by the first of them: the last one is another one at every look
        hindrance = f"long ago; {remedy}"
        yield Gap(MISSING, old[0].key, DATA, words, hindrance=hindrance, partitions=len(old))
    for one in absent[len(old) :]:
        yield Gap(MISSING, one.key, DATA, f"over since {one.end:%Y-%m-%d %H:%M} UTC, never run")


def not_begun(product: Product, now: datetime) -> list[Gap]:
    """Return what is due of a product that is switched on and of which nothing was ever done.

    What began lately is mended from its start on. Of a longer past nobody has said how much of it
    is wanted, and its newest partitions alone would be made of half a history; nor has anybody
    said so of what has ended, which no schedule runs.
    """
    calendar, end = product.calendar, product.spec.partition.end
    if calendar.is_snapshot:
        return []
    newest = product.newest_due(now - PATIENCE)
    if end is not None:
        newest = min(newest, calendar.newest_over(as_utc(end)))
    due = calendar.back(newest, _MOST_MISSING)
    if not due or any(keys_done(product, stage) for stage in STAGES):
        return []
    if len(due) <= _MENDED_BACK[calendar.every] and not _has_ended(product, now):
        words = "over since {:%Y-%m-%d %H:%M} UTC, and nothing was ever landed"
        return [Gap(MISSING, one.key, DATA, words.format(one.end)) for one in due]
    words = f"{_count(len(due), 'partition')} of {due[0]} to {newest} due, and nothing ever landed"
    remedy = f"run what you need of them: mlfactory replay {product.name} {due[0]} {newest}"
    return [Gap(MISSING, due[0].key, DATA, words, hindrance=remedy, partitions=len(due))]


def _until(product: Product, newest: Partition, oldest: Partition) -> list[Partition]:
    calendar = product.calendar
    places = min(calendar.ordinal(newest) - calendar.ordinal(oldest) + 1, _MOST_MISSING)
    return calendar.back(newest, places)


def _newest_expected(product: Product, keys: list[str], now: datetime) -> Partition:
    """Return the newest partition that is due, with the patience that its run is given."""
    calendar, end = product.calendar, product.spec.partition.end
    if end is None or not _has_ended(product, now):
        return product.newest_due(now - PATIENCE)
    newest, last = calendar.parse(keys[-1]), calendar.newest_over(as_utc(end))
    lacks = calendar.ordinal(last) - calendar.ordinal(newest)
    # who ran nearly to the end lacks the last ones; who stopped long before it wants no more
    return last if 0 < lacks <= _MENDED_BACK[calendar.every] else newest


def _mended_from(product: Product, now: datetime) -> Partition:
    calendar = product.calendar
    return calendar.shift(product.newest_due(now), 1 - _MENDED_BACK[calendar.every])


def _untrained(product: Product, now: datetime) -> Iterator[Gap]:
    for asked in unanswered(ledger.entries(product.name)):
        if now - datetime.fromisoformat(asked.at) > PATIENCE:
            words = f"asked for at {asked.at} ({asked.why}), and neither promoted nor rejected"
            yield Gap(UNTRAINED, asked.partition, TRAIN, words)


def _unread(product: Product, done: Done, now: datetime) -> Iterator[Gap]:
    landed = done["ingest"]
    over = [key for key, run in landed.items() if now - ended_at(run) > PATIENCE]
    if product.calendar.is_snapshot or not over:
        return
    # its run reads them again, and refuses to where the source has lost rows since
    newest = over[-1]
    owed = owed_by(product, product.calendar.parse(newest), landed, done["prepare"])
    if owed:
        keys = tuple(slot.key for slot in owed)
        more = f" and {len(keys) - _SHOWN:,} more" if len(keys) > _SHOWN else ""
        words = (
            f"labels of {', '.join(keys[:_SHOWN])}{more} fell due by then, and were not read again"
        )
        yield Gap(UNREAD, newest, DATA, words, landed=True, about=keys, partitions=len(keys))


def _old(product: Product, done: Done, now: datetime) -> Iterator[Gap]:
    """Give the alarm of data that is too old, whether or not any stage ran lately."""
    bound = product.spec.monitor.slo.freshness
    if bound is None or _has_ended(product, now) or not any(done.values()):
        return
    if product.calendar.is_snapshot or product.spec.features.event_time is None:
        return
    about = product.newest_due(now - PATIENCE)
    newest = newest_event(product, about)
    if newest is None:
        yield Gap(OLD, "", "", "no partition has an event")
    elif about.end - newest > bound:
        age = f"{(about.end - newest) / _HOUR:,.0f} h older than the end of {about}"
        yield Gap(OLD, "", "", f"the newest event is {age}, bound {bound / _HOUR:,.0f} h")


def _has_ended(product: Product, now: datetime) -> bool:
    end = product.spec.partition.end
    return end is not None and as_utc(end) + product.spec.runs_after < now - PATIENCE


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
