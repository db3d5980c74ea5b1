"""How time is cut: what a snapshot cannot have, and what all others need."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mlfactory.product.mistakes import Found
from mlfactory.product.partitions import Partition, as_utc
from mlfactory.product.spec import ProductSpec
from mlfactory.product.spread import SHORTEST


def time_mistakes(spec: ProductSpec) -> Iterator[Found]:
    """Yield what is wrong about partitions and event times."""
    timed = [name for name, source in spec.events_from.items() if source.event_time]
    if spec.partition.calendar.is_snapshot:
        for name in timed:
            yield (
                ("sources", name, "event_time"),
                "a snapshot product has no event time; choose partition.every: hour, day, "
                "week or month, or remove the key",
            )
        if spec.features.event_time:
            yield ("features", "event_time"), "a snapshot product has no event time"
        for part in ("start", "end", "runs_after"):
            if getattr(spec.partition, part) is not None:
                yield ("partition", part), "a snapshot product has no time: remove the key"
        return
    yield from _bounds(spec)
    if not timed:
        yield ("sources",), "at least one source needs an event_time, or partition.every: snapshot"
    if spec.features.event_time is None:
        yield ("features",), "event_time is missing: the column of the built frame with its time"


def _bounds(spec: ProductSpec) -> Iterator[Found]:
    every = spec.partition.every
    if spec.runs_after >= SHORTEST[every]:
        yield ("partition", "runs_after"), f"is as long as the shortest {every}, or longer"
    first = spec.partition.calendar.first
    if first is None:
        yield ("partition",), "start is missing: the start of the oldest partition, as a date"
        return
    aligned = spec.partition.calendar.containing(first)
    if aligned.start != first:
        yield (
            ("partition", "start"),
            f"is not the start of a {spec.partition.every}; the nearest is {aligned.key}",
        )
    if spec.partition.end is not None:
        yield from _end(spec, as_utc(spec.partition.end), aligned)


def _end(spec: ProductSpec, end: datetime, first: Partition) -> Iterator[Found]:
    if end < first.end:
        yield (
            ("partition", "end"),
            f"the data ends before the first partition does, at {first.end:%Y-%m-%d %H:%M}",
        )
        return
    calendar = spec.partition.calendar
    last = calendar.containing(end)
    if last.start != end:
        yield (
            ("partition", "end"),
            f"lies within a {spec.partition.every}, which would never be run; the nearest are "
            f"{last.key} and {calendar.shift(last, 1).key}",
        )
