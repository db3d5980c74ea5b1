"""Versions of files: what a landing had of each, and what has come, changed or gone since."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

Facts = Mapping[str, Any]
"""What a manifest of ingest says of a source."""

_TOLD = 20
"""Reasons that a manifest names; of hundreds of files the rest are counted."""


@dataclass(frozen=True)
class Version:
    """A file as it is now, and what it has of one partition.

    Attributes:
        address: where it is.
        told: path, bytes, time of change and version, as manifests have them.
        rows: how many rows of the partition; None where only its landing can tell.
        mark: another one where these are others: see `marks`; of a partition's own file its digest.
        changed: it is known to have had other rows of the partition before.
    """

    address: str
    told: Mapping[str, Any]
    rows: int | None
    mark: str = ""
    changed: bool = False

    @property
    def name(self) -> str:
        """Return its name alone."""
        return PurePosixPath(self.address).name


def files_of(facts: Facts) -> dict[str, Facts]:
    """Return what a landing says of each file that it had rows of, by path.

    Where it says only how many files there were, nothing.
    """
    read: Sequence[Facts] = facts.get("read", [facts] if "files" not in facts else [])
    return {str(each["path"]): each for each in read if "path" in each}


def is_landed(version: Version, facts: Facts, rows: int) -> bool:
    """Tell whether a landing has of a file what that has now.

    Args:
        facts: what the landing says of the source.
        rows: how many it landed of it.
    """
    files = files_of(facts)
    had = files.get(version.address)
    if had is None:
        return version.rows == 0
    # the very same file: what the spec says of its rows may be another thing since
    is_same = all(had.get(name, value) == value for name, value in version.told.items())
    if is_same and not {"digest", "version"}.isdisjoint({*had} & {*version.told}):
        return True
    if version.rows is None:
        return bool(had.get("digest") == version.mark)
    if "mark" in had:
        return bool(had["mark"] == version.mark)
    if version.changed:
        return False
    # landed before there were marks, or from what is its own index: a file that grew has more rows
    known = had.get("rows", rows if len(files) == 1 else None)
    return bool(known == version.rows)


def brings(version: Version, facts: Facts) -> str:
    """Return in words what a landing lacks of a file."""
    had = files_of(facts).get(version.address)
    if version.rows is None:
        return f"{version.name} {'has come' if had is None else 'was written anew'}"
    if had is None or "rows" not in had:
        verb = "brings" if had is None else "has now"
        return f"{version.name} {verb} {_rows(version.rows)}"
    return _instead(version.name, had["rows"], version.rows)


def differences(before: Mapping[str, Facts], now: Mapping[str, Facts]) -> list[str]:
    """Return in words what a landing has of files that the one before it had not, by source."""
    found = [
        f"{source}: {words}"
        for source, facts in now.items()
        if source in before and not facts.get("kept_from")
        for words in _different(files_of(before[source]), files_of(facts))
    ]
    more = len(found) - _TOLD
    return found if more <= 0 else [*found[:_TOLD], f"and {more:,} more"]


def _different(before: Mapping[str, Facts], now: Mapping[str, Facts]) -> Iterator[str]:
    for path, facts in now.items():
        had, name = before.get(path), PurePosixPath(path).name
        rows, marked = facts.get("rows"), _marked(facts)
        if had is None:
            if before and rows != 0:
                yield f"{name} brings {_rows(rows)}" if rows is not None else f"{name} has come"
        elif _is_another(had, facts, marked):
            known = had.get("rows")
            if known is None or rows is None:
                yield f"{name} was written anew"
            else:
                yield _instead(name, known, rows)
    yield from _left(before, now)


def _left(before: Mapping[str, Facts], now: Collection[str]) -> Iterator[str]:
    for path, facts in before.items():
        if path not in now and facts.get("rows") != 0:
            yield f"{PurePosixPath(path).name} has no rows of it any more"


def _marked(facts: Facts) -> str:
    """Return by what rows of a file are told from others: their mark, or the file's digest."""
    return "mark" if "mark" in facts else "digest"


def _is_another(had: Facts, facts: Facts, by: str) -> bool:
    return by in had and had[by] != facts.get(by)


def _instead(name: str, had: int, rows: int) -> str:
    if had == rows:
        return f"{name} has other rows ({rows:,}) than it had"
    return f"{name} has {_rows(rows)} instead of {had:,}"


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
