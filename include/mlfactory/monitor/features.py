"""The features of partitions as the monitor asks for them.

What prepare counted and summed up while their rows went by is enough wherever it is of the rows
that stand, and was counted at the bins that are asked for. Rows are read of the other partitions:
such as were prepared before the champion was promoted, or whose summary is gone or damaged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from mlfactory.lake.catalog import FEATURES
from mlfactory.monitor.tables import Tables
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.profiles.kept import Profiled, read_profiles
from mlfactory.report.monitor_plots import Distribution
from mlfactory.statistics.histograms import Counted
from mlfactory.statistics.profile import Profile
from mlfactory.statistics.statistic import Floats
from mlfactory.statistics.summary.columns import Column, column_of
from mlfactory.statistics.summary.table import MOST_ROOM
from mlfactory.statistics.tally import Tally, tally_of_frame, together

_log = logging.getLogger(__name__)

_DRAWN = 2_000
"""Numbers that stand for all rows in a picture of 36 bars."""

_NONE = Column("other")
_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)


class Features:
    """What is known of a product's features, partition by partition as it is asked for."""

    def __init__(self, product: Product, tables: Tables) -> None:
        self._product, self._tables = product, tables
        self._known: dict[str, Profiled | None] = {}

    @property
    def names(self) -> set[str]:
        """Return the columns of the spec that the table has."""
        return {*self._tables.feature_columns()}

    def rows(self, slots: Sequence[Partition]) -> int:
        """Return how many rows some partitions have."""
        return sum(self._tables.standing(slots).values())

    def tally(self, slots: Sequence[Partition], profile: Profile, names: Iterable[str]) -> Tally:
        """Return how the rows of some partitions fall into the bins of a reference.

        Args:
            names: the features to count, which the reference and the table have.
        """
        wanted, time = {*names}, self._product.spec.features.event_time
        found, rest = [], []
        for slot, rows in self._filled(slots):
            known = self._kept(slot)
            if known is not None and _counts(known, profile, wanted, rows):
                assert known.tally is not None  # it would not count
                found.append(known.tally.of(wanted))
            else:
                rest.append(slot)
        if rest:
            _log.info(
                "%s: the rows of %s are read, of which no counts stand that are this champion's",
                self._product.name,
                ", ".join(map(str, rest)),
            )
            columns = [name for name in profile.features if name in wanted]
            for frame in self._tables.all_features(rest, columns):
                found.append(tally_of_frame(profile, frame, wanted, frame[time] if time else None))
        return together(found)

    def newest(self, slot: Partition) -> datetime | None:
        """Return the time (UTC) of a partition's newest event, None if it has no row."""
        time = self._product.spec.features.event_time
        if time is None or not self.rows([slot]):
            return None
        known = self._kept(slot)
        column = known.summary.columns.get(time) if known else None
        if column is not None and np.isfinite(column.high):
            # as many digits as there were: of a float of seconds the sixth one is still right
            return _ORIGIN + timedelta(microseconds=round(column.high * 1e6))
        frames = self._tables.all_features([slot], [])
        newest: datetime = max(frame[time].max() for frame in frames if len(frame)).to_pydatetime()
        return newest

    def numbers(self, slots: Sequence[Partition], name: str) -> Floats:
        """Return finite numbers, not many, that are spread as those of a feature are."""
        filled = [slot for slot, _ in self._filled(slots)]
        return _numbers(sum((self._column(slot, name, filled) for slot in filled), _NONE))

    def _filled(self, slots: Sequence[Partition]) -> list[tuple[Partition, int]]:
        standing = self._tables.standing(slots)
        return [(slot, rows) for slot in slots if (rows := standing.get(slot.key, 0))]

    def _column(self, slot: Partition, name: str, window: Sequence[Partition]) -> Column:
        """Return the summary of numbers; of rows, where it is not known or must not be kept."""
        known = self._kept(slot)
        column = known.summary.columns.get(name) if known else None
        if column is not None and column.spread is not None:
            return column
        frames = self._tables.all_features([slot], [name], window)
        values = (pa.chunked_array([pa.array(each[name], pa.float64())]) for each in frames)
        return sum((column_of(each, MOST_ROOM) for each in values), _NONE)

    def _kept(self, slot: Partition) -> Profiled | None:
        if slot.key not in self._known:
            found = read_profiles(self._product, FEATURES, [slot.key], tallied=True)
            self._known[slot.key] = found.get(slot.key)
        return self._known[slot.key]


@dataclass(frozen=True, eq=False)
class Window:
    """The features of the partitions that were looked at together.

    Attributes:
        tally: how they fall into the bins of what the champion learned from.
    """

    features: Features
    slots: Sequence[Partition]
    tally: Tally

    def distribution(self, name: str, learned: Counted) -> Distribution:
        """Return a feature as it is drawn beside what the champion learned from."""
        if learned.ordered:
            return Distribution(name, learned, numbers=self.features.numbers(self.slots, name))
        return Distribution(name, learned, tallied=self.tally.counts[name])


def _counts(known: Profiled, profile: Profile, names: set[str], rows: int) -> bool:
    """Tell whether all rows of a partition were counted at the bins of a reference."""
    if known.tally is None or not profile.digest or known.reference != profile.digest:
        return False
    return known.tally.rows == rows and names <= known.tally.counts.keys()


def _numbers(column: Column) -> Floats:
    if column.spread is None or not column.spread.rows:
        return np.array([])
    count = min(column.spread.rows, _DRAWN)
    shares = (np.arange(count) + 0.5) / count
    return column.spread.quantiles(shares, column.low, column.high)
