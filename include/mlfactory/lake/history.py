"""The history of a table: what each of its versions changed, as its log tells; no row is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from mlfactory.lake.catalog import PARTITION, mark_of
from mlfactory.lake.old_versions import COMMIT, LOG
from mlfactory.lake.store import store_at
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import IntegrityError, UsageError

What = Literal["made", "rows", "fewer files", "upkeep"]

_OPERATIONS: Mapping[str, What] = {
    "CREATE TABLE": "made",
    "WRITE": "rows",
    "OPTIMIZE": "fewer files",
}
"""What the log calls these."""


@dataclass(frozen=True)
class Change:
    """What made a version of a table.

    Attributes:
        at: when it was committed, in UTC.
        what: `made` (the table, without rows), `rows` (of partitions, replaced), `fewer files`
            (the same rows in them) or `upkeep` (files of old versions are gone, or settings).
        rows: of each partition that was written, how many it has since; for `rows` alone.
        runs: the ids of the stage runs that wrote these rows.
    """

    version: int
    at: datetime
    what: What
    rows: Mapping[str, int]
    runs: tuple[str, ...] = ()


def history(lake: Lake, table: str) -> list[Change]:
    """Return what made each version of a table that its log still tells of, the newest first.

    Raises:
        UsageError: if there is no such table.
        IntegrityError: if the log is damaged.
    """
    store = store_at(lake.address(table))
    names = sorted(name for name in store.list(LOG) if COMMIT.fullmatch(name))
    if not names:
        raise no_table(lake, table)
    found = store.read_many(names)
    return [
        _change(int(name[-25:-5]), _lines(found[name], store.address(name)), mark_of(table))
        for name in reversed(names)
        if name in found
    ]


def no_table(lake: Lake, table: str) -> UsageError:
    """Return the error about a table that is not there."""
    return UsageError(
        f"{lake.product} has no table '{table}'",
        remedy=f"mlfactory data history {lake.product} names the tables that there are",
    )


def _change(version: int, lines: Iterable[Mapping[str, Any]], mark: str) -> Change:
    at, rows, runs = 0, dict[str, int](), dict[str, None]()
    what: What = "upkeep"
    for line in lines:
        if told := line.get("commitInfo"):
            at = int(told.get("timestamp", 0))
            what = _OPERATIONS.get(told.get("operation", ""), "upkeep")
        for kind in ("add", "remove"):
            if (file := line.get(kind)) and file.get("dataChange"):
                key = file.get("partitionValues", {}).get(PARTITION, "")
                rows.setdefault(key, 0)
                if kind == "add":
                    stats = json.loads(file.get("stats") or "{}")
                    rows[key] += int(stats.get("numRecords", 0))
                    if run := stats.get("maxValues", {}).get(mark):
                        runs[run] = None
    moment = datetime.fromtimestamp(at / 1000, UTC)
    if rows and what == "upkeep":
        what = "rows"  # by another tool: deleted, merged
    return Change(version, moment, what, rows if what == "rows" else {}, tuple(runs))


def _lines(content: bytes, place: str) -> list[Mapping[str, Any]]:
    try:
        found = [json.loads(line) for line in content.splitlines() if line.strip()]
    except ValueError:
        found = [None]
    if not all(isinstance(line, dict) for line in found):
        raise IntegrityError(
            f"{place} was damaged: it is not what was written there",
            remedy="put it back from a copy",
        )
    return found
