"""The store: whole files by name, in a folder or in an S3 bucket, and nothing that only one has.

Names are relative, with `/`, and never lead out. A reader sees the old content or the new one,
never a part. Where several machines must agree, they agree by `create`: of all who create the same
name, one is told that it did.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mlfactory.lake.remedies import instead_of_file
from mlfactory.product.errors import (
    DiskFullError,
    FactoryError,
    IntegrityError,
    UsageError,
    is_disk_full,
)
from mlfactory.settings import settings

_LONGEST_NAME = 900
"""Bytes; S3 takes 1024 for a key, and ours have the bucket's prefix before them."""

_LONGEST_PART = 200
"""Bytes between two slashes; a file's name may have 255, and a temporary one is longer."""

Names = list[str]

_TEMPORARY = ".~"
"""What the name of a file begins with while it is being written."""

_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Signs that no name has: those that steer a terminal, and halves of others."""

_TRIES = 10
"""How often a file is written whose folder is removed meanwhile."""

T = TypeVar("T")


class Absent(FactoryError):
    """A file that was asked for by name is not there."""


class Store(Protocol):
    """Whole files by name. Every method raises `UsageError` for a name that cannot be one."""

    def address(self, name: str = "") -> str:
        """Return where a file is (or the whole store), the same seen from every machine."""
        ...

    def below(self, prefix: str) -> Store:
        """Return the store of the files whose names begin with `prefix` and a slash."""
        ...

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            Absent: there is no such file.
        """
        ...

    def find(self, name: str) -> bytes | None:
        """Return the content of a file, None if there is no such file."""
        ...

    def part(self, name: str, start: int, length: int) -> bytes:
        """Return bytes of a file from a place on; fewer where it ends.

        Raises:
            Absent: there is no such file.
        """
        ...

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the content of those of the files that exist, in the order asked for."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Make `content` the content of a file, whole or not at all."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one of this name; tell whether it was written."""
        ...

    def list(self, prefix: str = "", *, after: str = "") -> Names:
        """Return the names of all files below the folder `prefix`, sorted.

        Args:
            prefix: a folder's name; everything by default.
            after: only names that sort after this one, which need not exist.
        """
        ...

    def marks(self, prefix: str) -> dict[str, str]:
        """Return the names of all files below the folder `prefix`, sorted, each with a mark.

        A file that was written again has another mark; one mark says nothing about another file's.
        """
        ...

    def sizes(self) -> dict[str, int]:
        """Return the names of all files, sorted, each with how many bytes it has."""
        ...

    def delete(self, name: str) -> None:
        """Remove a file; harmless where there is none."""
        ...

    def delete_all(self, prefix: str = "") -> None:
        """Remove every file below the folder `prefix`; everything by default."""
        ...


class FolderStore:
    """A store in a local folder, which is made with its first file."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def address(self, name: str = "") -> str:
        """See `Store`: the file's path."""
        return str(self._path(name))

    def below(self, prefix: str) -> FolderStore:
        """See `Store`."""
        return FolderStore(self._path(prefix))

    def read(self, name: str) -> bytes:
        """See `Store`."""
        return _there(self.find(checked(name)), self.address(name))

    def find(self, name: str) -> bytes | None:
        """See `Store`."""
        try:
            return self._path(checked(name)).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def part(self, name: str, start: int, length: int) -> bytes:
        """See `Store`."""
        try:
            with self._path(checked(name)).open("rb") as file:
                file.seek(start)
                return file.read(length)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return _there(None, self.address(name))

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """See `Store`."""
        found = {name: self.find(name) for name in names}
        return {name: content for name, content in found.items() if content is not None}

    def write(self, name: str, content: bytes) -> None:
        """See `Store`."""
        path = self._path(checked(name))
        _though_folders_go(lambda: write_whole(path, content))

    def create(self, name: str, content: bytes) -> bool:
        """See `Store`: a hard link is made or refused in one step, and what it names is whole."""
        path = self._path(checked(name))
        return _though_folders_go(lambda: _created(path, content))

    def list(self, prefix: str = "", *, after: str = "") -> Names:
        """See `Store`."""
        return sorted(name for name, _ in self._found(prefix) if name > after)

    def marks(self, prefix: str) -> dict[str, str]:
        """See `Store`: a file that is written again is another one, put in the old one's place."""
        found = {}
        for name, path in self._found(prefix):
            with suppress(FileNotFoundError):
                file = os.stat(path)  # noqa: PTH116 - a Path for each of thousands takes as long again
                found[name] = f"{file.st_mtime_ns:x}-{file.st_size:x}-{file.st_ino:x}"
        return dict(sorted(found.items()))

    def sizes(self) -> dict[str, int]:
        """See `Store`."""
        found = {}
        for name, path in self._found(""):
            with suppress(FileNotFoundError):
                found[name] = Path(path).stat().st_size
        return dict(sorted(found.items()))

    def delete(self, name: str) -> None:
        """See `Store`."""
        self._path(checked(name)).unlink(missing_ok=True)

    def delete_all(self, prefix: str = "") -> None:
        """See `Store`; a file of this very name stays."""
        path = self._path(prefix)
        # a writer that is still at work can put a file into a folder which is being removed
        for _ in range(3):
            shutil.rmtree(path, ignore_errors=True)
            if not path.is_dir():
                return
        raise UsageError(
            f"{path} cannot be removed", remedy="stop what still writes there, then try again"
        )

    def _found(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the name and the path of every file below a folder."""
        top = str(self._path(prefix))
        for folder, _, files in os.walk(top):
            below = folder[len(top) :].strip(os.sep).replace(os.sep, "/")
            start = "/".join(part for part in (prefix, below) if part)
            for file in files:
                if not file.startswith(_TEMPORARY):
                    yield f"{start}/{file}" if start else file, f"{folder}{os.sep}{file}"

    def _path(self, name: str) -> Path:
        return self.root / checked(name) if name else self.root


def checked(name: str) -> str:
    """Return `name` if it can be the name of a file of a store.

    Raises:
        UsageError: if it leads out, is not a plain relative name, or is too long.
    """
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\\" in name:
        raise UsageError(f"'{name}' leads out of where it belongs")
    if _UNFIT.search(name) or any(
        part in ("", ".") or part.startswith(_TEMPORARY) for part in parts
    ):
        raise UsageError(f"{name!r} is not the name of a file")
    if len(name.encode()) > _LONGEST_NAME or max(len(p.encode()) for p in parts) > _LONGEST_PART:
        raise UsageError(f"'{name[:60]}…' is too long for the name of a file")
    return name


def is_name(name: str) -> bool:
    """Tell whether `name` can be the name of a file of a store."""
    try:
        checked(name)
    except UsageError:
        return False
    return True


def write_whole(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a local file so that a reader sees the old content or the new, never a part.

    Raises:
        DiskFullError: there is no room for it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(6)}.{path.name}")
    try:
        temporary.touch(mode=mode)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _created(path: Path, content: bytes) -> bool:
    temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(6)}.{path.name}")
    try:
        write_whole(temporary, content)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _though_folders_go(write: Callable[[], T]) -> T:
    """Write a file, and again where a removal took its folder away in that moment.

    A bucket has no folders, and so no such moment.
    """
    for _ in range(_TRIES - 1):
        with suppress(FileNotFoundError, FileExistsError):
            return write()
    return write()


@lru_cache(maxsize=64)
def store_at(uri: str) -> Store:
    """Return the store at an address: `s3://bucket/prefix`, or the path of a folder."""
    if uri.startswith("s3://"):
        from mlfactory.lake.s3 import S3Store

        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return S3Store(bucket, prefix.strip("/"))
    return FolderStore(Path(uri))


def product_store(product: str) -> Store:
    """Return the store of everything the lake keeps of a product, but the rows of its tables."""
    return store_at(settings().lake_uri).below(product)


def write_text(store: Store, name: str, text: str) -> None:
    """Write a text file in UTF-8."""
    store.write(name, text.encode())


def as_json(content: Mapping[str, Any]) -> bytes:
    """Return `content` as JSON, its keys sorted, so that equal content gives equal bytes."""
    return (json.dumps(content, indent=2, sort_keys=True, default=str) + "\n").encode()


def write_json(store: Store, name: str, content: Mapping[str, Any]) -> None:
    """Write `content` as JSON."""
    store.write(name, as_json(content))


def read_json(store: Store, name: str) -> dict[str, Any]:
    """Return the content of a JSON file.

    Raises:
        Absent: there is no such file.
        IntegrityError: it is not JSON.
    """
    return parsed(store.read(name), store.address(name))


def find_json(store: Store, name: str) -> dict[str, Any] | None:
    """Return the content of a JSON file, None if there is no such file.

    Raises:
        IntegrityError: it is not JSON.
    """
    content = store.find(name)
    return None if content is None else parsed(content, store.address(name))


def parsed(content: bytes, address: str) -> dict[str, Any]:
    """Return the JSON object that was read at `address`.

    Raises:
        IntegrityError: it is not a JSON object.
    """
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise IntegrityError(
            f"{address} was damaged: it is not what was written there",
            remedy=f"put it back from a copy, or {instead_of_file(address)}",
        )
    return found


def _there(content: bytes | None, address: str) -> bytes:
    if content is None:
        raise Absent(f"there is no {address}", remedy="run the stage that writes it")
    return content
