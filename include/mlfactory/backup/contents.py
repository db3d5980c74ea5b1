"""What a backup holds, and the file by which it is one: whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field

from mlfactory.lake.holding import Holding
from mlfactory.lake.store import Store, find_json, is_name, write_json
from mlfactory.product.errors import IntegrityError, UsageError

INDEX = "backup.json"
"""Written last: where it is, all that it names is there."""

BEGUN = "backup.begun.json"
"""Written first, and taken away when all is done."""

LAKE, ARTIFACTS, DATABASE, AIRFLOW = "lake", "artifacts", "mlflow", "airflow.json"
"""The folders of a backup, and what Airflow has that is not in it."""

SQLITE_FILE, POSTGRES_FILE = f"{DATABASE}/mlflow.db", f"{DATABASE}/mlflow.dump"

_ALONE = (AIRFLOW, SQLITE_FILE, POSTGRES_FILE)
"""What is in none of the folders, or alone in one."""

_AT_ONCE = 16
_BYTES_AT_ONCE = 64 << 20
"""What is held in memory; a larger file is held alone."""


@dataclass
class Index:
    """What a backup holds.

    Attributes:
        begun: the moment (UTC) from which on what was done may not be in it.
        revision: of the code that made it.
        files: the SHA-256 of each file, by its name in the backup.
        left_out: files that somebody put there under names that no store can have.
    """

    begun: str
    revision: str
    products: list[str]
    files: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def leave(self, place: Store, holding: Holding) -> None:
        """Make of what lies there a backup.

        Raises:
            ServiceError: another backup has taken the place meanwhile.
        """
        holding.refuse_lost()
        write_json(place, INDEX, asdict(self))
        holding.end()


def read_index(place: Store) -> Index:
    """Return what a backup holds.

    Raises:
        UsageError: there is none, or it was cut off while it was made.
        IntegrityError: its index was damaged.
    """
    found = find_json(place, INDEX)
    if found is None:
        cut_off = place.find(BEGUN) is not None
        raise UsageError(
            f"{place.address()} is {'a backup that was cut off' if cut_off else 'no backup'}: "
            f"there is no {INDEX}",
            remedy=f"make it again: mlfactory backup {place.address()}" if cut_off else "",
        )
    try:
        index = Index(**found)
        _refuse_unknown(index)
    except (TypeError, ValueError) as error:
        raise IntegrityError(
            f"{place.address(INDEX)} is no index that this revision can read: {error}",
            remedy="use the revision that wrote it",
        ) from error
    return index


def _refuse_unknown(index: Index) -> None:
    """Make sure that there is a place for all that an index names, before anything is removed.

    Raises:
        ValueError: there is none.
    """
    if not isinstance(index.files, dict) or not isinstance(index.products, list):
        raise ValueError("its 'files' or 'products' are of another kind")
    for name in index.files:
        if name not in _ALONE and name.partition("/")[0] not in (LAKE, ARTIFACTS):
            raise ValueError(f"it has '{name}', and where that belongs is not known")


def emptied(store: Store, *, but: Collection[str]) -> None:
    """Remove every file of a store but a few, which lie in no folder."""
    names = store.list()
    for folder in sorted({name.partition("/")[0] for name in names if "/" in name}):
        store.delete_all(folder)
    for name in names:
        if "/" not in name and name not in but:
            store.delete(name)


def digest_of(content: bytes) -> str:
    """Return by what a file of a backup is told from another."""
    return hashlib.sha256(content).hexdigest()


def copied(source: Store, names: Iterable[str], place: Store, folder: str, index: Index) -> None:
    """Copy those of some files that are still there, a few at a time, and note their digests."""
    every = sorted(names)
    can_be = [name for name in every if is_name(name) and is_name(f"{folder}/{name}")]
    # one file that somebody put there by hand stops no backup
    index.left_out += [f"{folder}/{name}" for name in set(every).difference(can_be)]
    for batch in _batches(can_be, source.sizes()):
        for name, content in source.read_many(batch).items():
            kept(place, f"{folder}/{name}", content, index)


def kept(place: Store, name: str, content: bytes, index: Index) -> None:
    """Put a file into a backup."""
    place.write(name, content)
    index.files[name] = digest_of(content)


def read_back(place: Store, names: Iterable[str], index: Index) -> Iterator[tuple[str, bytes]]:
    """Yield files of a backup with their contents, a few at a time.

    Raises:
        IntegrityError: one is gone, or is not what was put there.
    """
    for batch in _batches(names, place.sizes()):
        found = place.read_many(batch)
        for name in batch:
            if name not in found or digest_of(found[name]) != index.files[name]:
                what = "is not what was put there" if name in found else "is gone"
                raise IntegrityError(
                    f"{place.address(name)} {what}: the backup is damaged, and nothing of it is "
                    "used",
                    remedy="take another backup",
                )
            yield name, found[name]


def _batches(names: Iterable[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield a few names at a time, of so many bytes together that memory has room for them."""
    batch: list[str] = []
    held = 0
    for name in names:
        size = sizes.get(name, 0)
        if batch and (len(batch) == _AT_ONCE or held + size > _BYTES_AT_ONCE):
            yield batch
            batch, held = [], 0
        batch.append(name)
        held += size
    if batch:
        yield batch
