"""Rows counted into the bins of a reference, a batch at a time: sums of counts are exact."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
import pandas as pd
import pyarrow as pa

from mlfactory.statistics.histograms import Columns, Counted
from mlfactory.statistics.profile import Profile, block_numbers
from mlfactory.statistics.statistic import Ints

_PIECE = 2**18
"""Rows of a table that are counted at once: what is made of them on the way stays small."""


@dataclass(frozen=True, eq=False)
class Tally:
    """Current data as its comparison with a reference needs it; those of batches add up.

    Attributes:
        rows: how many were counted.
        counts: (bins,) rows by feature.
        blocks: increasing numbers of the blocks that the rows are from, in the unit of the
            profile; None where rows are exchangeable.
    """

    rows: int = 0
    counts: Mapping[str, Ints] = field(default_factory=dict)
    blocks: Ints | None = None

    def __add__(self, other: Tally) -> Tally:
        """Return the tally of the rows of both.

        Raises:
            ValueError: they are of different features, or one alone knows of blocks.
        """
        if not self.rows or not other.rows:
            return self if self.rows else other
        if set(self.counts) != set(other.counts) or (self.blocks is None) != (other.blocks is None):
            raise ValueError("these rows were not counted alike")
        blocks = None
        if self.blocks is not None and other.blocks is not None:
            blocks = np.union1d(self.blocks, other.blocks)
        summed = {name: self.counts[name] + other.counts[name] for name in self.counts}
        return Tally(self.rows + other.rows, summed, blocks)

    def of(self, names: Collection[str]) -> Tally:
        """Return the tally of some of the features."""
        counts = {name: counts for name, counts in self.counts.items() if name in names}
        return replace(self, counts=counts)


def tally(
    profile: Profile, current: Columns, blocks: Ints | None, names: Collection[str] | None = None
) -> Tally:
    """Count rows into the bins of a reference.

    Args:
        current: (rows,) values by feature; those that the profile does not know are left out, and
            so are those of the profile that are not here.
        blocks: (rows,) number of the block of each row, in the unit of the profile; of no account
            where rows are exchangeable.
        names: the features to count; by default all that are here.

    Raises:
        ValueError: features or blocks differ in length.
    """
    wanted = [
        name for name in profile.features if name in current and (names is None or name in names)
    ]
    rows = _length(current, wanted, blocks)
    counts = {name: profile.features[name].tally(current[name]) for name in wanted}
    return Tally(rows, counts, np.unique(blocks) if profile.unit and blocks is not None else None)


def tally_of_frame(
    profile: Profile, rows: pd.DataFrame, names: Collection[str], times: pd.Series | None
) -> Tally:
    """Count the rows of a frame into the bins of a reference.

    Args:
        rows: of none a column may be missing.
        names: the features to count.
        times: (rows,) event times in UTC, None where rows are exchangeable.
    """
    if rows.empty:
        return Tally()
    blocks = block_numbers(times, profile.unit) if times is not None and profile.unit else None
    wanted = {name: rows[name].to_numpy() for name in profile.features if name in names}
    return tally(profile, wanted, blocks)


def tally_of_table(
    profile: Profile, rows: pa.Table, names: Collection[str], time: str | None
) -> Tally:
    """Count the rows of an Arrow table as `tally_of_frame` does those of a frame, only faster.

    Args:
        names: the features to count; float64 where the profile has numbers, else text.
        time: the column of event times, None where rows are exchangeable.
    """
    wanted = [name for name in profile.features if name in names]
    pieces = (rows.slice(first, _PIECE) for first in range(0, rows.num_rows, _PIECE))
    return together([_of_piece(profile, piece, wanted, time) for piece in pieces])


def _of_piece(profile: Profile, rows: pa.Table, names: Collection[str], time: str | None) -> Tally:
    counts = {name: _of_column(profile.features[name], rows.column(name)) for name in names}
    blocks = None
    if time is not None and profile.unit:
        blocks = np.unique(block_numbers(rows.column(time).to_pandas(), profile.unit))
    return Tally(rows.num_rows, counts, blocks)


def _of_column(counted: Counted, values: pa.ChunkedArray) -> Ints:
    if counted.ordered:
        return counted.tally(values.to_numpy())
    # a name is looked up once, however many rows have it
    found = values.value_counts()
    names = found.field("values").to_numpy(zero_copy_only=False)
    return counted.tally(names, found.field("counts").to_numpy())


def together(tallies: Collection[Tally]) -> Tally:
    """Return the tally of the rows of all."""
    return reduce(Tally.__add__, tallies, Tally())


def _length(current: Columns, names: list[str], blocks: Ints | None) -> int:
    lengths = {len(np.asarray(current[name])) for name in names}
    if blocks is not None:
        lengths.add(len(blocks))
    if len(lengths) > 1:
        raise ValueError(f"features and blocks differ in length: {sorted(lengths)}")
    return lengths.pop() if lengths else 0
