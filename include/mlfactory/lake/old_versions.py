"""Upkeep of tables: small files are made one, and versions go that are old and nobody points to.

What stands in the newest version is never touched but for how many files hold it: rows keep their
`_run`, by which manifests vouch for them. Versions that somebody pinned stay readable whole, with
their files and with the log that tells of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from mlfactory.lake.catalog import PARTITION
from mlfactory.lake.delta import find_table, forget_table, keep_versions, options_of, told, written
from mlfactory.lake.store import Store, product_store, store_at
from mlfactory.product.errors import IntegrityError

LOG = "_delta_log"
COMMIT = re.compile(rf"{LOG}/(\d{{20}})\.json")
CHECKPOINT = re.compile(rf"{LOG}/(\d{{20}})\.checkpoint\.parquet")

_TARGET = 64 * 1024 * 1024
"""Bytes up to which the files of a partition are made one; as much is fetched whole by readers."""


def scattered(address: str) -> dict[str, int]:
    """Return how many files could be fewer, by partition; those where two would fit into one."""
    delta = find_table(address)
    if delta is None:
        return {}
    files = pa.table(delta.get_add_actions(flatten=True))
    sizes: dict[str, list[int]] = {}
    keys, bytes_of = files[f"partition.{PARTITION}"].to_pylist(), files["size_bytes"].to_pylist()
    for key, size in zip(keys, bytes_of, strict=True):
        sizes.setdefault(key, []).append(size)
    return {
        key: len(each)
        for key, each in sorted(sizes.items())
        if sum(sorted(each)[:2]) <= _TARGET and len(each) > 1
    }


def compact(address: str, partitions: Collection[str]) -> bool:
    """Let each of some partitions have few files, in one commit; rows stay what they are.

    Returns:
        Whether it was done: False where a writer was faster, and the next time will do.
    """
    delta = find_table(address)
    if delta is None or not partitions:
        return False
    try:
        with written(address):
            delta.optimize.compact([(PARTITION, "in", sorted(partitions))], target_size=_TARGET)
    except CommitFailedError:
        return False
    finally:
        forget_table(address)
    return True


def unneeded_files(address: str, pinned: Collection[int], days: float) -> list[str]:
    """Return the files of rows that no version needs which is pinned, or younger than `days`."""
    return _vacuum(address, pinned, days, dry_run=True)


def remove_files(address: str, pinned: Collection[int], days: float) -> list[str]:
    """Remove what `unneeded_files` returns, and return it; a commit of the table tells of it."""
    if not unneeded_files(address, pinned, days):
        return []
    return _vacuum(address, pinned, days, dry_run=False)


def unneeded_log(address: str, pinned: Collection[int], before_ms: int) -> list[str]:
    """Return the files of the log that only older versions need, oldest first.

    Needed are those from the newest checkpoint on that is no younger than any pinned version and
    than what was newest at a moment.

    Args:
        before_ms: that moment, in milliseconds of the epoch.
    """
    store = store_at(address)
    names = store.list(LOG)
    commits = _numbered(COMMIT, names)
    if not commits:
        return []
    oldest = min([_newest_before(store, commits, before_ms), *_kept(pinned, commits)])
    bases = [number for number in _numbered(CHECKPOINT, names) if number <= oldest]
    if not bases:
        return []
    return [
        name
        for name in names
        if (found := re.match(rf"{LOG}/(\d{{20}})\.", name)) and int(found[1]) < bases[-1]
    ]


def remove_log(address: str, names: Collection[str]) -> None:
    """Remove files of the log, the oldest first: what is left is always told without a gap."""
    store = store_at(address)
    for name in sorted(names):
        store.delete(name)


def _vacuum(address: str, pinned: Collection[int], days: float, *, dry_run: bool) -> list[str]:
    delta = find_table(address)
    if delta is None:
        return []
    kept = _readable(delta, address, pinned)
    there = {_base(name): name for name in store_at(address).list()}
    with written(address):
        if not dry_run:
            keep_versions(delta)
        try:
            gone = delta.vacuum(
                retention_hours=round(days * 24),
                dry_run=dry_run,
                enforce_retention_duration=False,
                # what a killed writer left is told by no log
                full=True,
                keep_versions=kept,
            )
        except CommitFailedError:
            return []
        finally:
            forget_table(address)
    # it names again what was removed before, for as long as the log tells of that
    return sorted(there[name] for name in map(_base, gone) if name in there)


def _base(name: str) -> str:
    """Return the last part of a file's name, which no other file of rows has."""
    return name.rpartition("/")[2]


def _readable(delta: DeltaTable, address: str, pinned: Collection[int]) -> list[int]:
    """Return the newest version, and those pinned ones whose log is still there.

    Raises:
        IntegrityError: a version is pinned whose log is damaged: what it needs cannot be told.
    """
    names = store_at(address).list(LOG)
    first = min([*_numbered(CHECKPOINT, names), *_whole_from_start(names)], default=0)
    newest = delta.version()
    kept = sorted({number for number in pinned if first <= number < newest})
    for number in kept:
        with told(address):
            DeltaTable(address, version=number, storage_options=options_of(address))
    return [*kept, newest]


def _whole_from_start(names: Collection[str]) -> list[int]:
    return [0] if f"{LOG}/{0:020d}.json" in names else []


def _numbered(pattern: re.Pattern[str], names: Collection[str]) -> list[int]:
    return sorted(int(found[1]) for name in names if (found := pattern.fullmatch(name)))


def _kept(pinned: Collection[int], commits: list[int]) -> list[int]:
    return [number for number in pinned if commits[0] <= number <= commits[-1]]


def _newest_before(store: Store, commits: list[int], before_ms: int) -> int:
    """Return the version that was the newest at a moment, the first where none tells."""
    low, high = 0, len(commits) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if _moment_of(store, commits[middle]) <= before_ms:
            low = middle
        else:
            high = middle - 1
    return commits[low]


def _moment_of(store: Store, version: int) -> float:
    """Return when a version was made, in milliseconds; infinity where its commit does not say."""
    name = f"{LOG}/{version:020d}.json"
    for line in (store.find(name) or b"").splitlines():
        try:
            told_of = json.loads(line).get("commitInfo", {})
        except (ValueError, AttributeError) as error:
            raise IntegrityError(
                f"{store.address(name)} was damaged: it is not what was written there",
                remedy="put it back from a copy",
            ) from error
        if "timestamp" in told_of:
            return float(told_of["timestamp"])
    return float("inf")


def tables_of(product: str) -> list[str]:
    """Return the names of a product's tables."""
    mark = f"/{LOG}/"
    return sorted({n.partition("/")[0] for n in product_store(product).list() if mark in n})


def old_files(address: str) -> list[str]:
    """Return the files of rows that the newest version does not have."""
    delta = find_table(address)
    files = [name for name in store_at(address).list() if not name.startswith(f"{LOG}/")]
    if delta is None:
        return files
    told_of = pa.table(delta.get_add_actions(flatten=True))["path"].to_pylist()
    return sorted({*files} - {unquote(path) for path in told_of})


def forget_old_versions(address: str) -> None:
    """Let a table have its newest version only: no file, and no line of its log, is of another.

    Nobody may write or read the table meanwhile. Done again, it goes on where it was cut off.
    """
    delta = find_table(address)
    if delta is None:
        return
    with written(address):
        delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
        # a commit that tells of no row, for the others go
        delta.alter.set_table_properties({"delta.enableExpiredLogCleanup": "false"})
    forget_table(address)
    delta = find_table(address)
    if delta is None:
        return
    with written(address):
        delta.create_checkpoint()
    newest = f"{LOG}/{delta.version():020d}."
    log = [name for name in store_at(address).list(LOG) if re.match(rf"{LOG}/\d{{20}}\.", name)]
    remove_log(address, [name for name in log if name < newest])
    forget_table(address)
