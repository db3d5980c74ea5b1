"""Partitions: slices of event time, named by their start. The key travels through everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from mlfactory.product.errors import UsageError

Every = Literal["hour", "day", "week", "month", "snapshot"]

SNAPSHOT = "snapshot"
"""The only key of a product whose data has no event time."""

EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
"""Event times before and after are mistakes, and the calendar's arithmetic ends somewhere."""

_HOURS: dict[str, int] = {"hour": 1, "day": 24, "week": 7 * 24}
_ORIGIN = datetime(1900, 1, 1, tzinfo=UTC)
"""The first of a month, and a Monday."""

_LONGEST = datetime.max.replace(tzinfo=UTC)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Partition:
    """The slice [start, end) of event time in UTC, named by `key`; a snapshot spans all time."""

    start: datetime
    end: datetime
    key: str

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True)
class Calendar:
    """How a product's event time is cut into partitions: `first` is the start of the oldest one."""

    every: Every
    first: datetime | None = None

    @property
    def is_snapshot(self) -> bool:
        """Tell whether the product has no event time and thus a single partition."""
        return self.every == "snapshot"

    def parse(self, key: str) -> Partition:
        """Return the partition named `key`.

        Raises:
            UsageError: if `key` is not the start of a partition, or before the product's first.
        """
        if self.is_snapshot:
            if key != SNAPSHOT:
                raise UsageError(
                    f"'{key}' is not a partition: this product has the one partition '{SNAPSHOT}'",
                    remedy=f"use the key '{SNAPSHOT}'",
                )
            return Partition(_EARLIEST, _LONGEST, SNAPSHOT)
        try:
            moment = as_utc(datetime.fromisoformat(key))
        except (ValueError, OverflowError):
            example = self._name(self.first or datetime(2026, 1, 1, tzinfo=UTC))
            raise UsageError(
                f"'{key}' is not a partition key", remedy=f"write it like '{example}'"
            ) from None
        if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
            raise UsageError(
                f"'{key}' is not between the years {EARLIEST_YEAR} and {LATEST_YEAR}",
                remedy="choose a partition in which there can be data",
            )
        partition = self.containing(moment)
        if partition.start != moment:
            raise UsageError(
                f"'{key}' is not the start of a {self.every}",
                remedy=f"the partition it lies in is '{partition.key}'",
            )
        if self.first is not None and moment < self.first:
            raise UsageError(
                f"partition '{key}' is before the product's first, '{self._name(self.first)}'",
                remedy="choose a later one, or set partition.start in product.yaml",
            )
        return partition

    def containing(self, moment: datetime) -> Partition:
        """Return the partition that holds `moment` (UTC)."""
        return self._at(self._place(moment))

    def shift(self, partition: Partition, by: int) -> Partition:
        """Return the partition `by` places later (earlier when negative); a snapshot stays.

        Raises:
            UsageError: if it lies beyond the ends of time.
        """
        if self.is_snapshot:
            return partition
        try:
            return self._at(self._place(partition.start) + by)
        except (OverflowError, ValueError):
            raise UsageError(
                f"there is no partition {by:+,} {self.every}s from {partition}",
                remedy=f"stay between the years {EARLIEST_YEAR} and {LATEST_YEAR}",
            ) from None

    def back(self, partition: Partition, count: int) -> list[Partition]:
        """Return the newest `count` partitions up to and with `partition`, oldest first.

        Never reaches before the product's first partition.
        """
        if self.is_snapshot:
            return [partition] if count else []
        last = self._place(partition.start)
        oldest = last - count + 1
        if self.first is not None:
            # of a first moment within a partition, the one that begins after it is the oldest
            first = self._place(self.first)
            oldest = max(oldest, first if self._at(first).start == self.first else first + 1)
        return [self._at(place) for place in range(oldest, last + 1)]

    def span(self, first: Partition, last: Partition) -> list[Partition]:
        """Return every partition from `first` to `last`, both included, oldest first."""
        if self.is_snapshot:
            return [first]
        places = range(self._place(first.start), self._place(last.start) + 1)
        return [self._at(place) for place in places]

    def ordinal(self, partition: Partition) -> int:
        """Return how many partitions lie between the product's first and `partition`."""
        if self.is_snapshot:
            return 0
        first = self.first or datetime(1970, 1, 1, tzinfo=UTC)
        return self._place(partition.start) - self._place(first)

    def is_over(self, partition: Partition, now: datetime) -> bool:
        """Tell whether no event of `partition` can come any more at `now`; of a snapshot, always.

        What is decided about a partition rests on what was known at its end, so nothing can be
        before.
        """
        return self.is_snapshot or partition.end <= now

    def newest_over(self, now: datetime) -> Partition:
        """Return the newest partition that is over at `now`."""
        if self.is_snapshot:
            return self.parse(SNAPSHOT)
        return self.shift(self.containing(now), -1)

    def _place(self, moment: datetime) -> int:
        """Return how many partitions begin from 1900 up to `moment`, but the first."""
        if self.every == "month":
            return (moment.year - _ORIGIN.year) * 12 + moment.month - 1
        return (moment - _ORIGIN) // timedelta(hours=_HOURS[self.every])

    def _at(self, place: int) -> Partition:
        start = self._start(place)
        return Partition(start, self._start(place + 1), self._name(start))

    def _start(self, place: int) -> datetime:
        if self.every == "month":
            return datetime(_ORIGIN.year + place // 12, place % 12 + 1, 1, tzinfo=UTC)
        return _ORIGIN + place * timedelta(hours=_HOURS[self.every])

    def _name(self, start: datetime) -> str:
        return start.strftime("%Y-%m-%dT%H:00" if self.every == "hour" else "%Y-%m-%d")


def as_utc(value: date | datetime) -> datetime:
    """Return a date or time as a time in UTC; without a zone it is taken to be UTC."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
