"""What a step did, counted as rows go by: the same however they lie in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.product.cleaning import Step

SHOWN = 3
"""Examples that are kept of a column."""

_LONGEST = 80
"""Letters of an example."""


Word = str | int | float | None
"""A value as JSON has it: numbers as such, the beginning of everything else in words."""


@dataclass
class Told:
    """What a step did to the rows that have gone by.

    Attributes:
        changed: how many cells became others, by column.
        unread: how many cells it could not read, by column; their rows go into quarantine.
        refused: how many cells it puts into quarantine with their rows, by column.
        dropped: how many rows it took away.
        stopped: why its rows stop the partition, where they do.
        examples: of each column the first cells that became others: before and after.
    """

    step: Step
    columns: Sequence[str] = ()
    changed: dict[str, int] = field(default_factory=dict)
    unread: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    dropped: int = 0
    stopped: str = ""
    examples: dict[str, list[tuple[Word, Word]]] = field(default_factory=dict)

    def begin(self) -> None:
        """Forget all, as the rows go by from the start."""
        self.changed, self.unread, self.refused, self.examples = {}, {}, {}, {}
        self.dropped = 0

    def cells(self, name: str, before: pa.ChunkedArray, after: pa.ChunkedArray) -> None:
        """Take in a column before and after."""
        if pa.types.is_null(before.type):
            return
        differs = _differs(before, after)
        count = int(pc.sum(differs).as_py() or 0)
        if not count:
            return
        self.changed[name] = self.changed.get(name, 0) + count
        shown = self.examples.setdefault(name, [])
        if len(shown) == SHOWN or pa.types.is_nested(after.type):
            return
        old, new = before.filter(differs), after.filter(differs)
        # what a cell becomes is told by what it was, or by nothing where it was filled
        which = new if old.null_count == len(old) else old
        for value in which.unique()[: SHOWN + len(shown)]:
            place = pc.index(which, value).as_py() if value.is_valid else 0
            pair = (_words(old[place]), _words(new[place]))
            if pair not in shown and len(shown) < SHOWN:
                shown.append(pair)

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of the step."""
        counts = {
            "changed": self.changed,
            "unread": self.unread,
            "quarantined": self.refused,
            "dropped": self.dropped,
            "stopped": self.stopped,
            "examples": {name: list(map(list, some)) for name, some in self.examples.items()},
        }
        said = {name: value for name, value in counts.items() if value}
        return {"do": self.step.do, "columns": list(self.columns), **said}


def added(counts: dict[str, int], name: str, mask: pa.ChunkedArray) -> int:
    """Add the number of cells that a mask tells of, and return it."""
    count = int(pc.sum(mask).as_py() or 0)
    if count:
        counts[name] = counts.get(name, 0) + count
    return count


def _differs(before: pa.ChunkedArray, after: pa.ChunkedArray) -> pa.ChunkedArray:
    if before.type != after.type:
        return pc.and_(pc.is_valid(before), pc.is_valid(after))
    either = pc.xor(pc.is_valid(before), pc.is_valid(after))
    if pa.types.is_nested(before.type):
        return either  # no step makes another list or struct of one
    return pc.or_(either, pc.fill_null(pc.not_equal(before, after), False))


def _words(value: pa.Scalar) -> Word:
    said = value.as_py()
    if said is None or isinstance(said, int | float):
        return said
    text = said.isoformat() if hasattr(said, "isoformat") else str(said)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
