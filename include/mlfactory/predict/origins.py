"""Which row of a file an event comes from, whatever the build function does with its rows.

A build function may sort, drop and rename. Where the event's key consists of columns of the source,
the key tells. Where build makes the key, it is asked again with half of the rows, once for each
binary digit of their numbers: the halves in which a key turns up spell its row's number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from mlfactory.lake.kinds import words
from mlfactory.product.errors import BuildError

Keys = pd.MultiIndex
EventsOf = Callable[[Sequence[int]], Keys]
"""Gives the keys of the events that build makes of the chosen rows of the file, and no others."""


def keys_of(frame: pd.DataFrame, key: Sequence[str]) -> Keys:
    """Return the keys of `frame` as text, so that 3 and 3.0 are one."""
    return pd.MultiIndex.from_frame(pd.DataFrame({name: words(frame[name]) for name in key}))


def origins_by_key(events: Keys, rows: Keys) -> list[list[int]]:
    """Return for each row the places of the events that have its key."""
    places: dict[object, list[int]] = {}
    for place, key in enumerate(events):
        places.setdefault(key, []).append(place)
    return [places.get(key, []) for key in rows]


def origins_by_halves(events: Keys, count: int, events_of: EventsOf, where: str) -> list[list[int]]:
    """Return for each of `count` rows the places of the events that build makes of it.

    Args:
        events: the keys of all events, those of rows in the lake among them.
        events_of: asks build again.

    Raises:
        BuildError: if an event is made of several rows, so that no row is its own.
    """
    # numbers begin with 1, so that 0 is left for the events of rows in the lake
    numbers = np.arange(1, count + 1)
    spelled = np.zeros(len(events), dtype=np.int64)
    for digit in range(count.bit_length()):
        half = np.flatnonzero(numbers >> digit & 1)
        spelled += (events.isin(events_of(half.tolist())).astype(np.int64)) << digit
    _check(events, spelled, count, events_of, where)
    found: list[list[int]] = [[] for _ in range(count)]
    for place in np.flatnonzero(spelled):
        found[int(spelled[place]) - 1].append(int(place))
    return found


def _check(
    events: Keys,
    spelled: np.ndarray[tuple[int], np.dtype[np.int64]],
    count: int,
    events_of: EventsOf,
    where: str,
) -> None:
    """Make sure that a number spelled is a row's: another half must give just its own events."""
    half = np.flatnonzero(np.random.default_rng(0).random(count) < 0.5)
    half = half if len(half) else np.arange(count)
    expected = np.isin(spelled, half + 1)
    if spelled.max(initial=0) > count or (events.isin(events_of(half.tolist())) != expected).any():
        raise BuildError(
            f"{where}: it cannot be told which row of the file an event comes from, as build makes "
            "one event of several rows, or several rows have the same key",
            remedy="make features.key of columns of the source, or let build give each row an "
            "event of its own",
        )
