"""Where a source's files are: beside the product, in an installed package, in a bucket of S3.

A path may be a pattern (`data/*.csv`, `data/**/*.csv`), and name the partition.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

from mlfactory.ingest.origin import HIDDEN, File, Listing, LocalFile, listing_of
from mlfactory.lake.objects import find_object, objects_below
from mlfactory.product.errors import ContractError, LateSourceError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.product.sources import PER_PARTITION

_PACKAGE = "package://"
_S3 = "s3://"
_DEEP = "**"


def locate(product: Product, path: str, partition: Partition) -> Listing:
    """Return the file, or the files, that the `path` of a source means for `partition`.

    The colon of an hour's key becomes a hyphen, as not every file system takes colons.

    Raises:
        ContractError: if it is in a package that is not installed, or S3 refuses to show it.
        LateSourceError: if there is no such file; it may still arrive.
        ServiceError: if S3 does not answer.
        OSError: if a folder cannot be looked at.
    """
    written = path.replace(PER_PARTITION, partition.key.replace(":", "-"))
    is_remote = written.startswith(_S3)
    found = _in_bucket(written) if is_remote else _on_disk(_local(product, written))
    if found is None:
        place = written if is_remote else _local(product, written)
        raise LateSourceError(
            f"{product.name}, partition {partition}: there is no file {place}",
            remedy="run it again when the file has arrived, or correct the path in product.yaml",
        )
    return found


def lying(product: Product, path: str) -> list[tuple[File, str]]:
    """Return the files that the `path` of a source means for any partition, sorted, by address.

    Where the path names the partition, each comes with the key of its own; else with none. What
    is named by no partition of the product is left out.

    Raises:
        ContractError, ServiceError, OSError: as `locate`.
    """
    if PER_PARTITION not in path:
        found = _found(product, path)
        return [(file, "") for file in (found.files if found else ())]
    # a partition's place may be a folder
    below = [_found(product, path.replace(PER_PARTITION, "*") + more) for more in ("", "/**/*")]
    files = {file.address: file for listing in below if listing for file in listing.files}
    top = path if path.startswith(_S3) else str(_local(product, path))
    named = _named_by(top)
    keys = {address: _key_in(product, named, address) for address in files}
    return [(files[address], key) for address, key in sorted(keys.items()) if key]


def _found(product: Product, written: str) -> Listing | None:
    if not written.startswith(_S3):
        return _on_disk(_local(product, written))
    try:
        return _in_bucket(written)
    except LateSourceError:
        return None


def _named_by(path: str) -> re.Pattern[str]:
    """Return what takes the key out of the address of a file that a path with one means."""
    signs = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    first, parts = True, []
    for part in re.split(r"(\{partition\}|\*\*/|\*|\?|\[[^]]*\])", path):
        if part == PER_PARTITION:
            parts.append("(?P<key>[^/]+?)" if first else "(?P=key)")
            first = False
        else:
            is_set = part.startswith("[")
            parts.append(
                signs.get(part) or (part.replace("[!", "[^") if is_set else re.escape(part))
            )
    return re.compile("".join(parts) + r"(?:/(?:.*/)?[^._/][^/]*)?")


def _key_in(product: Product, named: re.Pattern[str], address: str) -> str:
    match = named.fullmatch(address)
    if match is None:
        return ""
    written = re.sub(r"(T\d\d)-(\d\d)$", r"\1:\2", match["key"])
    try:
        return product.calendar.parse(written).key
    except UsageError:
        return ""


def _local(product: Product, written: str) -> Path:
    if not written.startswith(_PACKAGE):
        return product.folder / written
    package, _, inner = written.removeprefix(_PACKAGE).partition("/")
    return _package_folder(package) / inner


def _on_disk(path: Path) -> Listing | None:
    if path.exists():  # whatever signs its name has
        return listing_of(path)
    if not _is_pattern(str(path)):
        return None
    parts = path.parts
    fixed = next(place for place, part in enumerate(parts) if _is_pattern(part))
    base = Path(*parts[:fixed])
    if not base.is_dir():
        return None
    files = sorted(set(_matching(base, parts[fixed:])), key=Path.as_posix)
    found = tuple(LocalFile(each, each.stat()) for each in files)
    return Listing(str(path), found) if found else None


def _matching(
    folder: Path, pattern: Sequence[str], above: frozenset[str] = frozenset()
) -> Iterator[Path]:
    """Yield the files below a folder whose names match, part by part.

    Args:
        above: the folders that a `**` went through, without links: one that leads back is not
            followed again.

    Raises:
        OSError: a folder cannot be looked at, or a link leads to nothing; left out without a word,
            its files would be missed by nobody.
    """
    first, rest = pattern[0], pattern[1:]
    if first == _DEEP and rest:
        here = os.path.realpath(folder)
        if here in above:
            return
        above |= {here}
        yield from _matching(folder, rest)
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in found:
        path = folder / entry.name
        matches = fnmatchcase(entry.name, first)
        if first == _DEEP and entry.is_dir():
            yield from _matching(path, pattern, above)
        elif matches and rest and entry.is_dir():
            yield from _matching(path, rest)
        elif matches and not rest and entry.is_file():
            yield path
        elif matches and entry.is_symlink():
            entry.stat()  # raises, where it leads to nothing


def _in_bucket(uri: str) -> Listing | None:
    bucket, _, key = uri.removeprefix(_S3).partition("/")
    try:
        if _is_pattern(key):
            parts = key.split("/")
            fixed = next(place for place, part in enumerate(parts) if _is_pattern(part))
            below = "".join(f"{part}/" for part in parts[:fixed])
            found = [
                each
                for each in objects_below(bucket, below)
                if _matches(each.key.split("/")[fixed:], parts[fixed:])
            ]
            return Listing(uri, tuple(found)) if found else None
        one = find_object(bucket, key) if key and not key.endswith("/") else None
        if one is not None:
            return Listing(uri, (one,))
        below = f"{key.rstrip('/')}/" if key else ""
        shown = [
            each
            for each in objects_below(bucket, below)
            if not any(part.startswith(HIDDEN) for part in each.key[len(below) :].split("/"))
        ]
    except FileNotFoundError as error:
        raise LateSourceError(
            f"there is no bucket '{bucket}', or it is gone",
            remedy="run it again when it is there, or correct the path in product.yaml",
        ) from error
    return Listing(uri, tuple(shown), f"{bucket}/{below}".rstrip("/")) if shown else None


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern or not parts:
        return not pattern and not parts
    if parts[0].startswith("."):
        return False
    if pattern[0] == _DEEP and len(pattern) > 1:
        return _matches(parts, pattern[1:]) or _matches(parts[1:], pattern)
    return fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _package_folder(package: str) -> Path:
    # the spec is found without importing the package, which may be data and broken as code; only
    # of a package inside another one would the outer be imported
    spec = None if "." in package else find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ContractError(
            f"{_PACKAGE}{package}: no package of this name is installed",
            remedy=f"install it ('uv pip install {package}'), or correct the path in product.yaml; "
            "a folder inside a package is written with a slash",
        )
    return Path(next(iter(spec.submodule_search_locations)))
