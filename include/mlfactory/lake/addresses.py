"""Whether two addresses are one place, however each is written."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

_SQLITE = "sqlite:///"


def one_spelling(address: str) -> str:
    """Return an address as it is compared: a folder or a file of SQLite by where it really lies.

    A server is told by scheme, host, port and path, whoever logs in there.
    """
    if address.startswith("s3://"):
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        return "/".join(part for part in ("s3:/", bucket, prefix.strip("/")) if part)
    if address.startswith(_SQLITE):
        return f"{_SQLITE}{_really(address.removeprefix(_SQLITE))}"
    if "://" not in address:
        return _really(address)
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}{parts.path.rstrip('/')}"


def overlap(one: str, other: str) -> bool:
    """Tell whether of two places one is the other, or holds it."""
    first, second = f"{one_spelling(one)}/", f"{one_spelling(other)}/"
    return first.startswith(second) or second.startswith(first)


def _really(path: str) -> str:
    return str(Path(path).expanduser().resolve())
