"""Which rows are looked at where there are too many: those whose event has a low hash.

The same event is in the sample whoever reads it and in whatever order, and a smaller share is a
part of a larger one. Every row has the same chance, so that means, rates and their ratios need no
weights. Labels are chosen so; features and predictions follow the labels that were.

Who fits and who judges look at samples that have nothing to do with one another. By one hash for
both, the rows of a snapshot that are judged would be those that were fitted, which are left out of
what is predicted: almost only held-out ones would remain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlfactory.lake import batches
from mlfactory.lake.catalog import RUN
from mlfactory.lake.hashes import Hashes, row_hashes

if TYPE_CHECKING:
    import pandas as pd

    from mlfactory.lake.tables import Lake

_SALTS = {"training": 0, "monitor": 0x3C6EF372FE94F82B}

_ALL = 2.0**64


@dataclass(frozen=True)
class Sample:
    """A share of the rows of a table.

    Attributes:
        share: of the rows, greater than 0; all of them where it is 1.
        key: columns that name an event in every table.
        reader: who looks at it: of the rows in the sample of one, that of the other has its share
            as of any rows.
    """

    share: float
    key: tuple[str, ...]
    reader: Literal["training", "monitor"]

    @property
    def whole(self) -> bool:
        """Tell whether every row is in it."""
        return self.share >= 1

    def of(self, rows: pa.Table) -> pa.Table:
        """Return the rows of a table that are in the sample."""
        if self.whole:
            return rows
        low = row_hashes(rows, self.key, _SALTS[self.reader]) < np.uint64(self.share * _ALL)
        return rows.filter(pa.array(low))


class Among:
    """The rows of a table whose key some other rows have, but for one in 2^64 that has not."""

    def __init__(self, others: pd.DataFrame, key: Sequence[str]) -> None:
        self._others, self._key = others[list(key)], list(key)
        self._members: Hashes | None = None

    def of(self, rows: pa.Table) -> pa.Table:
        """Return the rows of a table that are among the others."""
        if self._members is None:
            self._members = np.sort(row_hashes(self._as_in(rows.schema), self._key))
        return rows.filter(pa.array(among(row_hashes(rows, self._key), self._members)))

    def _as_in(self, schema: pa.Schema) -> pa.Table:
        """Return the keys in the types of a table where the hash tells these apart."""
        named = pa.Table.from_pandas(self._others, preserve_index=False)
        fields = [
            schema.field(one.name) if _is_apart(schema.field(one.name).type) else one
            for one in named.schema
        ]
        return named.cast(pa.schema(fields))


def fits(lake: Lake, table: str, partitions: Sequence[str], version: int | None) -> bool:
    """Tell whether the rows of some partitions are no more than a batch, as the log tells."""
    return rows_of(lake, table, partitions, version) <= batches.BATCH


def rows_of(lake: Lake, table: str, partitions: Sequence[str], version: int | None) -> int:
    """Return how many rows some partitions of a table have."""
    marks = lake.marks(table, RUN, partitions, version=version)
    return sum(sum(of_run.values()) for of_run in marks.values())


def read_those(
    lake: Lake,
    table: str,
    partitions: Sequence[str],
    columns: Sequence[str],
    version: int | None,
    of: Callable[[pa.Table], pa.Table],
) -> pd.DataFrame:
    """Return some rows as `Lake.read` returns them, no more than a batch held besides.

    Args:
        of: gives those of a batch.

    Raises:
        IntegrityError: if the version that is asked for does not exist, or no longer.
        ContractError: if the table, as of that version, lacks a column that is asked for.
    """
    found = [
        of(batch) for batch in lake.batches(table, partitions, columns=columns, version=version)
    ]
    if not found:
        return lake.read(table, [], columns=columns, version=version)
    frame: pd.DataFrame = pa.concat_tables(found).to_pandas()
    return frame


def share_of(rows: int, most: int) -> float:
    """Return the share of so many rows that leaves about `most` of them; 1 if they are no more."""
    return 1.0 if rows <= most else most / rows


def among(hashed: Hashes, members: Hashes) -> npt.NDArray[np.bool_]:
    """Return (rows,) which hashes are among some that are sorted."""
    if not len(members):
        return np.zeros(len(hashed), dtype=np.bool_)
    # in their own order they are found ten times as fast, for the members are read but once
    order = np.argsort(hashed)
    places = np.searchsorted(members, hashed[order])
    there = members[np.minimum(places, len(members) - 1)] == hashed[order]
    found = np.empty(len(hashed), dtype=np.bool_)
    found[order] = there
    return found


def event_key(key: Sequence[str], event_time: str | None) -> tuple[str, ...]:
    """Return the columns that name an event: a customer of every month is as many events."""
    return tuple(dict.fromkeys([*key, *([event_time] if event_time else [])]))


def _is_apart(kind: pa.DataType) -> bool:
    """Tell whether equal values of some other type have another hash, see `row_hashes`."""
    of_time = pa.types.is_time(kind) or pa.types.is_duration(kind)
    return bool(of_time or pa.types.is_decimal(kind))
