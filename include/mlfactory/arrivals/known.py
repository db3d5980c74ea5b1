"""What is known of a source's files: which were looked into, and what is still to be landed.

It is a memory, and no truth: whether something was landed the manifests say. Of two who write it at
once either may win, and what the other had noted is found again at the next look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlfactory.lake.catalog import arrivals_file
from mlfactory.lake.store import as_json, find_json, product_store, write_json
from mlfactory.product.errors import IntegrityError

CHANGED = "changed"

Rows = dict[str, tuple[int | None, str]]
"""Of each partition how many rows a file has of it, None where nobody knows, and their mark."""


@dataclass
class File:
    """A file that was looked into.

    Attributes:
        seen_as, read_as: it, as `looking.Lying` has it.
        rows: what it has.
        told: path, bytes, time of change, and version or digest, as manifests have them.
        problem: why it could not be read.
    """

    seen_as: str
    read_as: str
    rows: Rows = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass
class Known:
    """What is known of the files of a source.

    Attributes:
        files: by address.
        pending: of each partition the addresses of what it still lacks; `CHANGED` where the file
            is known to have had other rows of it before.
        before: what lay there when the watch began and was not looked into yet: addresses.
        is_first: nobody has looked before.
    """

    files: dict[str, File] = field(default_factory=dict)
    pending: dict[str, dict[str, str]] = field(default_factory=dict)
    before: set[str] = field(default_factory=set)
    is_first: bool = True

    def begin(self, there: Iterable[str]) -> None:
        """Note what lies there, where nobody has looked before: what is not among it has come."""
        if self.is_first:
            self.before, self.is_first = set(there), False


def read_known(product: str, source: str) -> Known:
    """Return what is known; nothing where nobody has looked, or where it cannot be read."""
    try:
        told = find_json(product_store(product), arrivals_file(source))
        if told is None:
            return Known()
        files = {
            address: File(
                each["seen_as"],
                each["read_as"],
                {key: (rows, mark) for key, (rows, mark) in each["rows"].items()},
                each["told"],
                each["problem"],
            )
            for address, each in told["files"].items()
        }
        return Known(files, told["pending"], set(told["before"]), is_first=False)
    except (IntegrityError, KeyError, TypeError, ValueError, AttributeError):
        return Known()


def write_known(product: str, source: str, known: Known) -> None:
    """Leave it for whoever looks next."""
    write_json(product_store(product), arrivals_file(source), as_told(known))


def begin(product: str, source: str, there: Iterable[str]) -> None:
    """Note what lies there when somebody begins to look, unless somebody else has begun."""
    known = Known()
    known.begin(there)
    product_store(product).create(arrivals_file(source), as_json(as_told(known)))


def as_told(known: Known) -> dict[str, Any]:
    """Return what is known as it is kept."""
    files = {address: dict(vars(each)) for address, each in known.files.items()}
    pending = {key: dict(each) for key, each in known.pending.items()}
    return {"files": files, "pending": pending, "before": sorted(known.before)}
