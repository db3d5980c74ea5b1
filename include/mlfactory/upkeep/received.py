"""Upkeep of what was read of files: it can be read again, and most of it is not needed for long."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from mlfactory.lake.catalog import RECEIVED, received_folder
from mlfactory.lake.store import Store, find_json, product_store
from mlfactory.product.errors import FactoryError, IntegrityError
from mlfactory.product.loader import load_product

_AT_LEAST = timedelta(days=1)
"""No landing takes longer, and what one reads or writes is not taken from it."""

_LONGEST = timedelta(days=30)
"""A file that is still landed from after this is read once more."""

_STAMP = "%Y%m%dT%H%M%S"


class _Reading(NamedTuple):
    """What was read of a file: where it is, when that was, and of what; nothing of what is torn."""

    folder: str
    source: str
    at: datetime
    part: str


def keep_received(product: str, now: datetime, *, dry_run: bool) -> Iterator[str]:
    """Remove what was read of files that have changed since, or long ago, and yield each.

    What no index names was left by who was killed; what is of no source of the product any more
    nobody asks for.
    """
    store = product_store(product)
    names = store.list(RECEIVED)
    sources = _sources(product)
    readings = [
        _reading(store, folder, [name for name in names if name.startswith(f"{folder}/")], now)
        for folder in sorted({name.rpartition("/")[0] for name in names})
    ]
    newest: dict[tuple[str, str], datetime] = {}
    for each in readings:
        key = (each.source, each.part)
        newest[key] = max(newest.get(key, each.at), each.at)
    for each in readings:
        why = _why(each, newest, sources, now)
        if not why or now - each.at <= _AT_LEAST:
            continue
        if not dry_run:
            # without its index nothing of it is there
            store.delete(f"{each.folder}/index.json")
            store.delete_all(each.folder)
        yield f"{product}: removed what was read of {each.part or each.source}: {why}"
    for folder in {each.folder for each in readings if each.part}:
        yield from _orphans(store, product, folder, now, dry_run=dry_run)


def _why(
    reading: _Reading,
    newest: dict[tuple[str, str], datetime],
    sources: Collection[str] | None,
    now: datetime,
) -> str:
    """Return why a reading is not needed any more, nothing if it may be."""
    if not reading.part:
        return "its reading was never ended"
    if sources is not None and reading.source not in sources:
        return f"there is no source {reading.source} any more"
    if newest[reading.source, reading.part] > reading.at:
        return "it was read anew since"
    return f"that is {(now - reading.at).days} days ago" if now - reading.at > _LONGEST else ""


def _orphans(
    store: Store, product: str, folder: str, now: datetime, *, dry_run: bool
) -> Iterator[str]:
    """Remove files beside a reading that are not of it: of two who read one's stays."""
    told = _told(store, folder) or {}
    named = {block[0] for part in ("dated", "undated") for block in told.get(part, ())}
    for name in store.list(folder):
        file = name.rpartition("/")[2]
        if not told or file == "index.json" or file in named:
            continue
        if now - (_stamp(file) or now) > _AT_LEAST:
            if not dry_run:
                store.delete(name)
            yield f"{product}: removed {name}, which a reading that was cut off left"


def _reading(store: Store, folder: str, names: list[str], now: datetime) -> _Reading:
    source = folder.removeprefix(f"{received_folder('')}/").partition("/")[0]
    told = _told(store, folder)
    if told is None:
        stamps = [_stamp(name.rpartition("/")[2]) for name in names]
        return _Reading(folder, source, max((s for s in stamps if s), default=now), "")
    at = datetime.fromisoformat(str(told["read_at"]))
    return _Reading(folder, source, at, str(told["origin"].get("part", folder)))


def _told(store: Store, folder: str) -> dict[str, Any] | None:
    try:
        told = find_json(store, f"{folder}/index.json")
    except IntegrityError:
        return None
    return told if told is not None and told.get("read_at") else None


def _stamp(file: str) -> datetime | None:
    """Return when a file of rows was begun, which its name says."""
    try:
        return datetime.strptime(file.partition("-")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _sources(product: str) -> Collection[str] | None:
    """Return the product's sources, None where its spec cannot be read."""
    try:
        return frozenset(load_product(product).spec.sources)
    except FactoryError:
        return None
