"""Where rows came from: the file, its size, time and digest, for the manifest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_WHOLE = 64 << 20
"""Bytes up to which a file is digested whole; of a larger one, its two ends and its size."""

_END = 1 << 20

_HIDDEN = (".", "_")
"""How the names begin that pyarrow leaves out of a dataset, such as files still being written."""


Identity = tuple[tuple[str | int, ...], ...]


@dataclass(frozen=True)
class Listing:
    """A file or folder as it was found when its reading began.

    Attributes:
        path: of the file or folder.
        is_folder: whether it is a folder.
        files: what is read as data: the file itself; of a folder its files, sorted by name.
        stats: of each of these, as it was then.
    """

    path: Path
    is_folder: bool
    files: tuple[Path, ...]
    stats: tuple[os.stat_result, ...]

    def identity(self) -> Identity:
        """Return what is another one as soon as one of the files is replaced or written to."""
        return tuple(map(_identity, self.files, self.stats))

    def identity_now(self) -> Identity:
        """Return the `identity` of the same files as they are now, whatever came beside them.

        Raises:
            FileNotFoundError: if one of them is gone.
        """
        return tuple(_identity(file, file.stat()) for file in self.files)


def listing_of(path: Path) -> Listing:
    """Return what there is of a file or folder; it is walked once, for all that follows.

    Hidden files of a folder are not read as data. Links are followed, as every reader of Parquet
    does, for a part of a folder may well lie on another disk.

    Raises:
        OSError: if a part of it cannot be read; FileNotFoundError if a link leads to nothing. Left
            out without a word, its rows would be missed by nobody.
    """
    if not path.is_dir():
        return Listing(path, is_folder=False, files=(path,), stats=(path.stat(),))
    files = tuple(sorted(_files_below(path, frozenset()), key=Path.as_posix))
    stats = tuple(file.stat() for file in files)
    return Listing(path, is_folder=True, files=files, stats=stats)


def _files_below(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    """Give the files of a folder, and of those in it, that are read as data.

    Args:
        above: the folders that it is in, without links: one that leads back is not followed again.
    """
    here = os.path.realpath(folder)
    if here in above:
        return
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(_HIDDEN)]
    for entry in shown:
        if entry.is_dir():
            yield from _files_below(folder / entry.name, above | {here})
        elif entry.is_file():
            yield folder / entry.name
        elif entry.is_symlink():
            entry.stat()  # raises, where it leads to nothing


def origin_of(found: Listing) -> dict[str, Any]:
    """Return path, bytes, time of change (UTC) and digest (SHA-256) of a file or folder.

    `digest_of` says what the digest covers: `content`; `size and ends` (its first and last
    mebibyte) of a file above 64 MiB; `listing` (names, sizes and times) of a folder.
    """
    if found.is_folder:
        return _folder(found)
    (file,), (stat,) = found.files, found.stats
    whole = stat.st_size <= _WHOLE
    return {
        "path": str(file),
        "bytes": stat.st_size,
        "changed_at": _time(stat.st_mtime),
        "digest": _digest(file, stat.st_size, whole=whole),
        "digest_of": "content" if whole else "size and ends",
    }


def fingerprint_of(found: Listing) -> str:
    """Return what is another one as soon as a file or folder is replaced or written to.

    A clock of a disk has its ticks, in which a file can be written twice: so a part of the content
    counts too. Which disk it is on does not, as each machine has its own number for it.
    """
    told = hashlib.sha256()
    for file, stat in zip(found.files, found.stats, strict=True):
        inode = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        digest = _digest(file, stat.st_size, whole=stat.st_size <= 2 * _END)
        told.update(f"{file}\t{inode}\t{digest}\n".encode())
    return told.hexdigest()


def _identity(file: Path, stat: os.stat_result) -> tuple[str | int, ...]:
    """Return of a file its inode, size, and times of change.

    That of its content, and that of the inode, which no copying program sets back.
    """
    return (
        *(str(file), stat.st_dev, stat.st_ino, stat.st_size),
        *(stat.st_mtime_ns, stat.st_ctime_ns),
    )


def _folder(found: Listing) -> dict[str, Any]:
    names = [file.relative_to(found.path).as_posix() for file in found.files]
    listing = "\n".join(
        f"{name}\t{stat.st_size}\t{stat.st_mtime_ns}"
        for name, stat in zip(names, found.stats, strict=True)
    )
    return {
        "path": str(found.path),
        "files": len(names),
        "bytes": sum(stat.st_size for stat in found.stats),
        "changed_at": _time(max((stat.st_mtime for stat in found.stats), default=0.0)),
        "digest": hashlib.sha256(listing.encode()).hexdigest(),
        "digest_of": "listing",
    }


def _digest(file: Path, size: int, *, whole: bool) -> str:
    with file.open("rb") as content:
        if whole:
            return hashlib.file_digest(content, "sha256").hexdigest()
        found = hashlib.sha256(str(size).encode())
        found.update(content.read(_END))
        content.seek(-_END, 2)
        found.update(content.read(_END))
    return found.hexdigest()


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
