"""Where rows came from: the file, its size, time and digest, for the manifest."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_WHOLE = 64 << 20
"""Bytes up to which a file is digested whole; of a larger one, its two ends and its size."""

_END = 1 << 20

_HIDDEN = (".", "_")
"""How the names begin that pyarrow leaves out of a dataset, such as files still being written."""


def origin_of(file: Path) -> dict[str, Any]:
    """Return path, bytes, time of change (UTC) and digest (SHA-256) of a file or folder.

    `digest_of` says what the digest covers: `content`; `size and ends` (its first and last
    mebibyte) of a file above 64 MiB; `listing` (names, sizes and times) of a folder.
    """
    if file.is_dir():
        return _folder(file)
    size = file.stat().st_size
    whole = size <= _WHOLE
    return {
        "path": str(file),
        "bytes": size,
        "changed_at": _time(file.stat().st_mtime),
        "digest": _digest(file, size, whole=whole),
        "digest_of": "content" if whole else "size and ends",
    }


def identity_of(file: Path) -> tuple[tuple[str | int, ...], ...]:
    """Return what is another one as soon as a file or folder is replaced or written to.

    Of each file the inode, size, and times of change: of its content, and of the inode, which no
    copying program sets back.
    """
    found = _files(file) if file.is_dir() else [("", file.stat())]
    return tuple(
        (name, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        for name, stat in found
    )


def _files(folder: Path) -> list[tuple[str, os.stat_result]]:
    """Return the files of a folder that are read as data, by name; hidden ones are not."""
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [
        (name.as_posix(), (folder / name).stat())
        for name in names
        if not any(part.startswith(_HIDDEN) for part in name.parts)
    ]


def _folder(folder: Path) -> dict[str, Any]:
    stats = _files(folder)
    listing = "\n".join(f"{name}\t{stat.st_size}\t{stat.st_mtime_ns}" for name, stat in stats)
    return {
        "path": str(folder),
        "files": len(stats),
        "bytes": sum(stat.st_size for _, stat in stats),
        "changed_at": _time(max((stat.st_mtime for _, stat in stats), default=0.0)),
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
