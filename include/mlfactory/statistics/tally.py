"""Rows counted into the bins of a reference, a batch at a time: sums of counts are exact."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from mlfactory.statistics.histograms import Columns
from mlfactory.statistics.profile import Profile
from mlfactory.statistics.statistic import Ints


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
