"""Batches: how much of a partition is held at once, and rows that come as a stream of them.

A partition that fits one batch is one table, as it would be without batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from mlfactory.product.errors import ContractError
from mlfactory.product.mistakes import listed

BATCH = 1_000_000
"""Rows of a batch at most. Read where it is used, so that a test can make it small."""

BATCH_BYTES = 256 * 1024 * 1024
"""Bytes of a batch in Arrow at most, unless one row has more."""


@dataclass
class Stream:
    """Rows that come a table at a time, once, and are never held together.

    Attributes:
        schema: that every table has.
        rows: how many have come so far.
    """

    schema: pa.Schema
    tables: Iterable[pa.Table]
    rows: int = 0

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield the tables.

        Raises:
            ContractError: one has a column that the schema lacks: it would be lost.
        """
        known = set(self.schema.names)
        for table in self.tables:
            unknown = [name for name in table.column_names if name not in known]
            if unknown:
                raise ContractError(
                    f"rows {self.rows + 1:,} and following of a partition have the columns "
                    f"{listed(unknown)}, which those before them lack; they have "
                    f"{listed(self.schema.names)}",
                    remedy="let all rows of a partition have the same columns",
                )
            self.rows += table.num_rows
            yield table

    def __len__(self) -> int:
        return self.rows


@dataclass(frozen=True)
class Batched:
    """Rows that can be gone through again and again, a table at a time.

    Attributes:
        schema: that every table has.
        again: begins anew.
    """

    schema: pa.Schema
    num_rows: int
    again: Callable[[], Iterator[pa.Table]]

    def __iter__(self) -> Iterator[pa.Table]:
        return self.again()

    def mapped(self, change: Callable[[pa.Table], pa.Table]) -> Batched:
        """Return what `change` makes of each table; it adds no row and takes none away."""
        schema = change(self.schema.empty_table()).schema
        return Batched(schema, self.num_rows, lambda: map(change, self))


def pieces_of(rows: pa.Table | Batched) -> Iterator[pa.Table]:
    """Yield the tables of rows, which may be one."""
    return iter([rows]) if isinstance(rows, pa.Table) else iter(rows)


def whole(rows: pa.Table | Batched) -> pa.Table:
    """Return rows as one table, for who needs all of them."""
    if isinstance(rows, pa.Table):
        return rows
    return pa.concat_tables([rows.schema.empty_table(), *rows])


def rebatched(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows of tables, in their order, in batches that are as large as they may be.

    All but the last one are full. Tables without rows give one without, so that its columns are
    known; no table gives none.
    """
    held: list[pa.Table] = []
    rows = size = 0
    empty: pa.Table | None = None
    for table in tables:
        empty = table.slice(0, 0)
        while table.num_rows:
            took = _fitting(table, BATCH - rows, BATCH_BYTES - size, alone=not held)
            if took:
                held.append(table.slice(0, took))
                rows, size = rows + took, size + held[-1].nbytes
                table = table.slice(took)
            if table.num_rows:
                yield pa.concat_tables(held)
                held, rows, size = [], 0, 0
    if held:
        yield pa.concat_tables(held)
    elif empty is not None:
        yield empty


def _fitting(table: pa.Table, rows: int, size: int, *, alone: bool) -> int:
    """Return how many of a table's first rows fit; at least one where nothing else is held."""
    fit: int = min(rows, table.num_rows, size * table.num_rows // max(table.nbytes, 1))
    return max(fit, 1 if alone else 0)
