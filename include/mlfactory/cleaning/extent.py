"""What columns hold before cleaning and after it: how much is missing, and the ends of the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.cleaning.numbers import is_number


@dataclass
class Extent:
    """A column of rows that go by.

    Attributes:
        kind: its type.
        missing: how many rows have no value in it.
        ends: the smallest and the largest one, of numbers and times.
    """

    kind: pa.DataType
    missing: int = 0
    ends: list[Any] = field(default_factory=list)

    def look(self, column: pa.ChunkedArray) -> None:
        """Take in some more of it."""
        self.missing += column.null_count
        if not (is_number(self.kind) or pa.types.is_timestamp(self.kind)):
            return
        found = pc.min_max(column).as_py()
        if found["min"] is not None:
            both = [*self.ends, found["min"], found["max"]]
            self.ends = [min(both), max(both)]

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of it."""
        ends = [end.isoformat() if hasattr(end, "isoformat") else end for end in self.ends]
        found = {"type": str(self.kind), "missing": self.missing}
        return {**found, "from": ends[0], "to": ends[1]} if ends else found


class Extents(dict[str, Extent]):
    """Several columns of the same rows."""

    def begin(self, schema: pa.Schema, names: Iterable[str]) -> None:
        """Forget all, as the rows go by from the start."""
        self.clear()
        self.update({name: Extent(schema.field(name).type) for name in names})

    def look(self, rows: pa.Table) -> None:
        """Take in some more rows."""
        for name, extent in self.items():
            extent.look(rows.column(name))
