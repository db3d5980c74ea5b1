"""Partitions: slices of event time, named by their start. The key travels through everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from mlfactory.product.errors import UsageError

Every = Literal["hour", "day", "week", "month", "snapshot"]

SNAPSHOT = "snapshot"
"""The only key of a product whose data has no event time."""

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
            moment = datetime.fromisoformat(key)
        except ValueError:
            example = self._name(self.first or datetime(2026, 1, 1, tzinfo=UTC))
            raise UsageError(
                f"'{key}' is not a partition key", remedy=f"write it like '{example}'"
            ) from None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
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
        start = moment.replace(minute=0, second=0, microsecond=0)
        if self.every != "hour":
            start = start.replace(hour=0)
        if self.every == "week":
            start -= timedelta(days=start.weekday())
        if self.every == "month":
            start = start.replace(day=1)
        return Partition(start, self._next(start), self._name(start))

    def shift(self, partition: Partition, by: int) -> Partition:
        """Return the partition `by` places later (earlier when negative)."""
        start = partition.start
        for _ in range(abs(by)):
            start = self._next(start) if by > 0 else self.containing(start - timedelta(1e-4)).start
        return self.containing(start)

    def back(self, partition: Partition, count: int) -> list[Partition]:
        """Return the newest `count` partitions up to and with `partition`, oldest first.

        Never reaches before the product's first partition.
        """
        if self.is_snapshot:
            return [partition] if count else []
        found: list[Partition] = []
        current = partition
        while len(found) < count and (self.first is None or current.start >= self.first):
            found.append(current)
            current = self.shift(current, -1)
        return found[::-1]

    def span(self, first: Partition, last: Partition) -> list[Partition]:
        """Return every partition from `first` to `last`, both included, oldest first."""
        if self.is_snapshot:
            return [first]
        found = []
        current = first
        while current.start <= last.start:
            found.append(current)
            current = self.shift(current, 1)
        return found

    def ordinal(self, partition: Partition) -> int:
        """Return how many partitions lie between the product's first and `partition`."""
        if self.is_snapshot:
            return 0
        first = self.first or datetime(1970, 1, 1, tzinfo=UTC)
        if self.every == "month":
            return (partition.start.year - first.year) * 12 + partition.start.month - first.month
        size = {"hour": 3600, "day": 86400, "week": 604800}[self.every]
        start = self.containing(first).start
        return int((partition.start - start).total_seconds() // size)

    def _next(self, start: datetime) -> datetime:
        if self.every == "month":
            return (start + timedelta(days=32)).replace(day=1)
        return (
            start
            + {
                "hour": timedelta(hours=1),
                "day": timedelta(days=1),
                "week": timedelta(weeks=1),
            }[self.every]
        )

    def _name(self, start: datetime) -> str:
        return start.strftime("%Y-%m-%dT%H:00" if self.every == "hour" else "%Y-%m-%d")


def as_utc(value: date | datetime) -> datetime:
    """Return a date or time as a time in UTC; without a zone it is taken to be UTC."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
