"""The index of a file that was split: which rows of it lie where, and what its times are like."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

from mlfactory.product.partitions import SNAPSHOT, Calendar, Partition

LAYOUT = 3
"""Another number, and what was split before is read anew."""

NUMBER, PLACE, EARLIER, LATER = "\0number", "\0partition", "\0earlier", "\0later"
"""What rows have beside their columns: their place in the file; their partition; or, of a row
without a time, the times before and after it. No column of a file can have such a name."""

_HOURS = {"hour": 1, "day": 24, "week": 7 * 24}
_MICROSECONDS = 3_600_000_000
_FIRST = datetime(1900, 1, 1, tzinfo=UTC)
_ORIGIN = int(np.datetime64("1900-01-01", "us").astype(np.int64))
"""The first of a month, and a Monday."""


class Block(NamedTuple):
    """Rows that lie together in a file, and what is in them: partitions, or times, from low on."""

    file: str
    start: int
    length: int
    rows: int
    low: int
    high: int


@dataclass
class Index:
    """What is known of a file that was split.

    Attributes:
        schema: of its rows.
        origin: what the manifest says of it.
        read_at: when it was read (ISO 8601).
        seen: how many rows it has, of which `unreadable` have no time that can be read; `example`
            is the first such time, as it was given.
        first, last: the times of the first and last row that has one, in the file's order.
        low, high: the earliest and the latest time.
        rows: how many rows with a time each partition has.
        marks: of each partition what is another one where its rows are others, see `marks`.
        on, back: steps from one time to one of a later, or earlier, partition: how many more pass
            a partition than the one before it.
        dated, undated: where the rows lie.
    """

    schema: pa.Schema
    origin: Mapping[str, Any] = field(default_factory=dict)
    read_at: str = ""
    seen: int = 0
    unreadable: int = 0
    example: str = ""
    first: int | None = None
    last: int | None = None
    low: int | None = None
    high: int | None = None
    rows: dict[int, int] = field(default_factory=dict)
    marks: dict[int, str] = field(default_factory=dict)
    on: dict[int, int] = field(default_factory=dict)
    back: dict[int, int] = field(default_factory=dict)
    dated: list[Block] = field(default_factory=list)
    undated: list[Block] = field(default_factory=list)

    def as_json(self) -> bytes:
        """Return the index as it is kept."""
        told = {name: value for name, value in vars(self).items() if name != "schema"}
        schema = base64.b64encode(self.schema.serialize().to_pybytes()).decode()
        return json.dumps({"schema": schema, **told}).encode()

    @staticmethod
    def parsed(told: Mapping[str, Any]) -> Index:
        """Return an index that was kept.

        Raises:
            ValueError, KeyError, TypeError: it is none.
        """
        given = dict(told)
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(given.pop("schema"))))
        for name in ("rows", "on", "back"):
            given[name] = {int(place): int(count) for place, count in given[name].items()}
        given["marks"] = {int(place): str(mark) for place, mark in given["marks"].items()}
        for name in ("dated", "undated"):
            given[name] = [Block(*each) for each in given[name]]
        return Index(schema, **given)

    def steps(self, place: int) -> tuple[int, int]:
        """Return how often times go on past a partition, or into or out of it, and how often back.

        Into a later one of: before it, within it, after it; and into an earlier one.
        """
        on, back = (
            sum(count for at, count in steps.items() if at <= place)
            for steps in (self.on, self.back)
        )
        return on, back


def places_of(calendar: Calendar, moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for times (microseconds since 1970) how many partitions begin from 1900 up to them."""
    if calendar.is_snapshot:
        return np.zeros(len(moments), np.int64)
    if calendar.every == "month":
        months = moments.astype("datetime64[us]").astype("datetime64[M]")
        found: npt.NDArray[np.int64] = months.astype(np.int64) + 70 * 12
        return found
    return (moments - _ORIGIN) // (_HOURS[calendar.every] * _MICROSECONDS)


def place_of(calendar: Calendar, partition: Partition) -> int:
    """Return the place of a partition, as `places_of` has it."""
    if calendar.is_snapshot:
        return 0
    start = np.array([partition.start.replace(tzinfo=None)], "datetime64[us]").astype(np.int64)
    return int(places_of(calendar, start)[0])


def partition_at(calendar: Calendar, place: int) -> Partition:
    """Return the partition of a place.

    Raises:
        UsageError: it lies beyond the ends of time.
    """
    if calendar.is_snapshot:
        return calendar.parse(SNAPSHOT)
    return calendar.shift(calendar.containing(_FIRST), place)
