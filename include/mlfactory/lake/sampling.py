"""Which rows are looked at where there are too many: those whose key has a low hash.

The same event is in the sample of every table, whoever reads it and in whatever order, and a
smaller share is a part of a larger one. Every row has the same chance, so that means, rates and
their ratios need no weights; sums are divided by the share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.hashes import Hashes, row_hashes

if TYPE_CHECKING:
    import pandas as pd

    from mlfactory.lake.tables import Lake

_ALL = 2.0**64
_ALONE = np.uint64(0xA5A5A5A5A5A5A5A5)
"""An entity that is called like a row's key is not that row."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A share of the rows of a product's tables.

    Attributes:
        share: of the rows, greater than 0; all of them where it is 1.
        key: columns that name an event in every table.
        group: column with the entity whose rows belong together: an entity is in the sample with
            all its rows, or with none. A row that names none is an entity of its own.
        members: of a table that does not have that column, the sorted hashes of the keys that are
            in the sample, as `keys_of` finds them in one that has.
    """

    share: float
    key: tuple[str, ...]
    group: str | None = None
    members: Hashes | None = None

    @property
    def whole(self) -> bool:
        """Tell whether every row is in it."""
        return self.share >= 1

    def of(self, rows: pa.Table) -> pa.Table:
        """Return the rows of a table that are in the sample."""
        return rows if self.whole else rows.filter(pa.array(self._chosen(rows)))

    def keys_of(self, tables: Iterable[pa.Table]) -> Hashes:
        """Return the sorted hashes of the keys that are in the sample, for `members`.

        Args:
            tables: with the key and the group.
        """
        found = [row_hashes(self.of(rows), self.key) for rows in tables]
        return np.sort(np.concatenate(found)) if found else np.zeros(0, dtype=np.uint64)

    def _chosen(self, rows: pa.Table) -> npt.NDArray[np.bool_]:
        if self.group is None:
            return self._low(row_hashes(rows, self.key))
        if self.members is not None and self.group not in rows.column_names:
            return among(row_hashes(rows, self.key), self.members)
        alone = pc.is_null(rows.column(self.group), nan_is_null=True).to_numpy()
        hashed = row_hashes(rows, [self.group])
        if alone.any():
            hashed[alone] = row_hashes(rows.filter(pa.array(alone)), self.key) ^ _ALONE
        return self._low(hashed)

    def _low(self, hashed: Hashes) -> npt.NDArray[np.bool_]:
        return hashed < np.uint64(self.share * _ALL)


def read_sample(
    lake: Lake,
    table: str,
    partitions: Sequence[str],
    columns: Sequence[str],
    version: int | None,
    sample: Sample,
) -> pd.DataFrame:
    """Return the rows of a sample as `Lake.read` returns them, no more than a batch held besides.

    Raises:
        IntegrityError: if the version that is asked for does not exist, or no longer.
        ContractError: if the table, as of that version, lacks a column that is asked for.
    """
    if sample.whole:
        return lake.read(table, partitions, columns=columns, version=version)
    there = lake.columns(table, version=version)
    named = [name for name in (*sample.key, sample.group) if name is not None and name in there]
    wanted = list(dict.fromkeys([*columns, *named]))
    batches = lake.batches(table, partitions, columns=wanted, version=version)
    found = [sample.of(batch).select(list(columns)) for batch in batches]
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
