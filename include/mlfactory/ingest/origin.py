"""Where rows came from: the file, its size, time and digest, for the manifest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol

from mlfactory.product.errors import ServiceError

_WHOLE = 64 << 20
"""Bytes up to which a file is digested whole; of a larger one, its two ends and its size."""

_END = 1 << 20
_SHORT = 1 << 16

HIDDEN = (".", "_")
"""How the names begin that pyarrow leaves out of a dataset, such as files still being written."""


Identity = tuple[tuple[str | int, ...], ...]


class File(Protocol):
    """A file or object as it was found when its reading began."""

    @property
    def address(self) -> str:
        """Return where it is: a path, or what begins with s3://."""
        ...

    @property
    def size(self) -> int:
        """Return its bytes."""
        ...

    @property
    def changed_at(self) -> float:
        """Return when it was written, in seconds since 1970."""
        ...

    def identity(self) -> tuple[str | int, ...]:
        """Return what is another one as soon as the file is replaced or written to."""
        ...

    def now(self) -> File:
        """Return it as it is now; raises `FileNotFoundError` if it is gone."""
        ...

    def open(self) -> Any:
        """Return its bytes, from any place."""
        ...

    def stream(self) -> Any:
        """Return its bytes for whoever reads them from end to end."""
        ...


@dataclass(frozen=True)
class LocalFile:
    """A file of a disk; see `File`."""

    path: Path
    stat: os.stat_result

    @property
    def address(self) -> str:
        """Return its path."""
        return str(self.path)

    @property
    def size(self) -> int:
        """Return its bytes."""
        return self.stat.st_size

    @property
    def changed_at(self) -> float:
        """Return when it was written, in seconds since 1970."""
        return self.stat.st_mtime

    def identity(self) -> tuple[str | int, ...]:
        """Return its inode, size, and times of change.

        That of its content, and that of the inode, which no copying program sets back.
        """
        stat = self.stat
        return (
            *(str(self.path), stat.st_dev, stat.st_ino, stat.st_size),
            *(stat.st_mtime_ns, stat.st_ctime_ns),
        )

    def now(self) -> LocalFile:
        """Return it as it is now; raises `FileNotFoundError` if it is gone."""
        return LocalFile(self.path, self.path.stat())

    def open(self) -> IO[bytes]:
        """Return its bytes, from any place."""
        return self.path.open("rb")

    def stream(self) -> IO[bytes]:
        """Return its bytes for whoever reads them from end to end."""
        return self.path.open("rb")


@dataclass(frozen=True)
class Listing:
    """What there is at the path of a source, as it was found when its reading began.

    Attributes:
        place: the path that was asked for, for messages.
        files: what is read as data: the file itself; of a folder or pattern its files, sorted.
        base: the folder whose parts `column=value` are columns; None of a file or pattern.
    """

    place: str
    files: tuple[File, ...]
    base: str | None = None

    def identity(self) -> Identity:
        """Return what is another one as soon as one of the files is replaced or written to."""
        return tuple(file.identity() for file in self.files)

    def identity_now(self) -> Identity:
        """Return the `identity` of the same files as they are now, whatever came beside them.

        Raises:
            FileNotFoundError: if one of them is gone.
        """
        return tuple(file.now().identity() for file in self.files)


def listing_of(path: Path) -> Listing:
    """Return what there is of a file or folder; it is walked once, for all that follows.

    Hidden files of a folder are not read as data. Links are followed, as every reader of Parquet
    does, for a part of a folder may well lie on another disk.

    Raises:
        OSError: if a part of it cannot be read; FileNotFoundError if a link leads to nothing. Left
            out without a word, its rows would be missed by nobody.
    """
    if not path.is_dir():
        return Listing(str(path), (LocalFile(path, path.stat()),))
    files = sorted(_files_below(path, frozenset()), key=Path.as_posix)
    return Listing(str(path), tuple(LocalFile(file, file.stat()) for file in files), str(path))


def _files_below(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    """Give the files of a folder, and of those in it, that are read as data.

    Args:
        above: the folders that it is in, without links: one that leads back is not followed again.
    """
    here = os.path.realpath(folder)
    if here in above:
        return
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(HIDDEN)]
    for entry in shown:
        if entry.is_dir():
            yield from _files_below(folder / entry.name, above | {here})
        elif entry.is_file():
            yield folder / entry.name
        elif entry.is_symlink():
            entry.stat()  # raises, where it leads to nothing


def origin_of(file: File) -> dict[str, Any]:
    """Return path, bytes, time of change (UTC) and digest of a file.

    `digest_of` says what the digest covers: `content` (SHA-256); `size and ends` (its first and
    last mebibyte) of a file above 64 MiB; `etag`, which an S3 server gives.
    """
    told = {"path": file.address, "bytes": file.size, "changed_at": _time(file.changed_at)}
    if not isinstance(file, LocalFile):
        return {**told, "digest": str(file.identity()[1]).strip('"'), "digest_of": "etag"}
    whole = file.size <= _WHOLE
    return {
        **told,
        "digest": _digest(file, whole=whole),
        "digest_of": "content" if whole else "size and ends",
    }


def seen(file: File) -> dict[str, Any]:
    """Return path, bytes, time of change (UTC) and version of a file, which is not read for it.

    The version is that of its content: a copy that keeps the time of change keeps it too.
    """
    version = str(file.identity()[1])
    if isinstance(file, LocalFile):
        version = f"{file.size}-{file.stat.st_mtime_ns}"
    return {
        "path": file.address,
        "bytes": file.size,
        "changed_at": _time(file.changed_at),
        "version": version,
    }


def seen_as(file: File) -> str:
    """Return what is another one as soon as a file is replaced or written to, without reading it.

    The number of its disk does not count, as each machine has its own; nor does its inode, which
    some file systems of a network number anew.
    """
    if isinstance(file, LocalFile):
        stat = file.stat
        told: tuple[Any, ...] = (str(file.path), file.size, stat.st_mtime_ns, stat.st_ctime_ns)
    else:
        told = file.identity()
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


def origin_of_all(found: Listing) -> dict[str, Any]:
    """Return what is told of all that was found: of a folder or pattern without reading it.

    Its digest is that of the list of its files (`digest_of` is `listing`): names, sizes and times.
    """
    if found.base is None and len(found.files) == 1:
        return origin_of(found.files[0])
    top = f"{found.place.rstrip('/')}/"
    listing = "\n".join(
        f"{file.address.removeprefix(top)}\t{file.size}\t{file.changed_at}" for file in found.files
    )
    return {
        "path": found.place,
        "files": len(found.files),
        "bytes": sum(file.size for file in found.files),
        "changed_at": _time(max((file.changed_at for file in found.files), default=0.0)),
        "digest": hashlib.sha256(listing.encode()).hexdigest(),
        "digest_of": "listing",
    }


def fingerprint_of(file: File) -> str:
    """Return what is another one as soon as a file is replaced or written to.

    A clock of a disk has its ticks, in which a file can be written twice: so its ends count too.
    Which disk it is on does not, as each machine has its own number for it.
    """
    if not isinstance(file, LocalFile):
        return hashlib.sha256(repr(file.identity()).encode()).hexdigest()
    stat = file.stat
    inode = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    digest = _digest(file, whole=stat.st_size <= 2 * _SHORT, end=_SHORT)
    return hashlib.sha256(f"{file.path}\t{inode}\t{digest}".encode()).hexdigest()


def _digest(file: LocalFile, *, whole: bool, end: int = _END) -> str:
    with file.open() as content:
        if whole:
            return hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
        if os.fstat(content.fileno()).st_size < file.size:
            raise ServiceError(
                f"{file.address} became shorter while it was looked at; nothing of it was landed",
                remedy="run it again when it is complete",
            )
        found = hashlib.sha256(str(file.size).encode())
        found.update(content.read(end))
        content.seek(-end, 2)
        found.update(content.read(end))
    return found.hexdigest()


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
