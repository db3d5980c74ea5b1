"""The summary of a table's rows, a batch at a time: summaries add up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from mlfactory.statistics.summary.association import Told, among
from mlfactory.statistics.summary.columns import Column, column_of

MOST_ROOM = 256
LEAST_ROOM = 16
_ROOM_OF_ALL = 2**16
"""Bins, hashes and frequent values of all columns together: ten thousand columns stay small."""

RARE = 3
"""A value of fewer rows is not kept: it may tell of one person."""


@dataclass(frozen=True, eq=False)
class Summary:
    """What there is to say of some rows.

    Attributes:
        columns: by name, in the table's order.
        label: the label's own column, where there is one.
    """

    rows: int = 0
    columns: Mapping[str, Column] = field(default_factory=dict)
    label: Column | None = None

    def __add__(self, other: Summary) -> Summary:
        """Return the summary of the rows of both; a column that one lacks is missing there."""
        columns = {
            name: _or_missing(self, name) + _or_missing(other, name)
            for name in dict.fromkeys([*self.columns, *other.columns])
        }
        label = self.label + other.label if self.label and other.label else None
        return Summary(self.rows + other.rows, columns, label or self.label or other.label)

    def to_keep(self) -> Summary:
        """Return the summary without what may tell of single rows."""
        return replace(
            self,
            columns={name: _to_keep(each) for name, each in self.columns.items()},
            label=_to_keep(self.label) if self.label else None,
        )


def room_of(columns: int) -> int:
    """Return how many bins, hashes and values a column has where there are so many columns."""
    return int(np.clip(_ROOM_OF_ALL // max(1, columns), LEAST_ROOM, MOST_ROOM))


def summary_of(
    rows: pa.Table, *, hidden: Collection[str] = (), label: pa.ChunkedArray | None = None
) -> Summary:
    """Return the summary of some rows.

    Args:
        hidden: columns of which no value is told.
        label: (rows,) of each row, null where it is not known.
    """
    room = room_of(rows.num_columns)
    told = None if label is None else _told(label, room)
    return Summary(
        rows.num_rows,
        {
            name: column_of(rows.column(name), room, told, hidden=name in hidden)
            for name in rows.column_names
        },
        None if label is None else column_of(label, room),
    )


def _told(label: pa.ChunkedArray, room: int) -> Told | None:
    if label.null_count == len(label):
        return None
    none = np.zeros(0, dtype=np.intp)
    if not pa.types.is_string(label.type):
        return Told(label.cast(pa.float64()).to_numpy(), none)
    series = label.to_pandas()
    codes, classes = series.factorize()
    if len(classes) > room:
        return None
    return Told(np.zeros(0), codes.astype(np.intp), tuple(map(str, classes)))


def _or_missing(summary: Summary, name: str) -> Column:
    found = summary.columns.get(name)
    return Column("other", summary.rows, summary.rows) if found is None else found


def _to_keep(column: Column) -> Column:
    if column.frequent is None:
        return column
    often = column.frequent.without_rare(RARE)
    label = None if column.label is None else among(column.label, often.counts)
    return replace(column, frequent=often, label=label)
