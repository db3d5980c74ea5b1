"""Rows by group and time, and where in them what was known at a moment begins and ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.lake.kinds import times, words

Ints = npt.NDArray[np.int64]

_EXACT = 2**53
"""Up to this every whole number has a float of its own."""

NOBODY = -1
"""The group of what has no key: a part of it is missing."""


class Span(NamedTuple):
    """(events,) from which place on, and to which, the rows lie that an event may see."""

    first: Ints
    end: Ints


class Grouped:
    """Rows of a source, group after group, each by time; of one time in the source's order.

    Attributes:
        order: (rows,) at which place of the source each lies; those of nobody, or without a time,
            are left out.
    """

    def __init__(self, groups: Ints, moments: Ints) -> None:
        """Order rows by their groups and moments, (rows,) each, microseconds."""
        kept = np.flatnonzero((groups != NOBODY) & (moments != NEVER))
        self.order: Ints = kept[np.lexsort((moments[kept], groups[kept]))]
        ordered = moments[self.order]
        self._moments = np.unique(ordered)
        # one number for group and moment, so that one search finds both
        ranks = np.searchsorted(self._moments, ordered)
        self._places = groups[self.order] * self._width + ranks

    @property
    def _width(self) -> int:
        return len(self._moments) + 1

    def place(self, groups: Ints, moments: Ints, *, after: bool = False) -> Ints:
        """Return (events,) the place of the first row of a group at a moment or later.

        Args:
            after: leave out the rows at the moment itself.
        """
        ranks = np.searchsorted(self._moments, moments, side="right" if after else "left")
        return np.searchsorted(self._places, groups * self._width + ranks).astype(np.int64)


NEVER = np.iinfo(np.int64).min
"""The moment of what has no time."""


def moments_of(values: pd.Series) -> Ints:
    """Return (rows,) times as microseconds since 1970, in UTC."""
    found: Ints = times(values).dt.tz_localize(None).to_numpy().astype("M8[us]").view(np.int64)
    return found


def groups_of(events: pd.DataFrame, rows: pd.DataFrame, by: Mapping[str, str]) -> tuple[Ints, Ints]:
    """Return (events,) and (rows,) the group of each, one number for equal keys in both.

    Rows whose key no event has are nobody's.

    Args:
        by: columns of the events, each with the column of the rows.
    """
    count, total = len(events), len(events) + len(rows)
    groups, missing = np.zeros(total, np.int64), np.zeros(total, np.bool_)
    for of_events, of_rows in by.items():
        codes, known = pd.factorize(_together(events[of_events], rows[of_rows]))
        missing |= codes < 0
        # numbered anew for each part, so that no product of many parts overflows
        groups = pd.factorize(groups * (len(known) + 1) + codes)[0].astype(np.int64)
    groups[missing] = NOBODY
    asked = np.zeros(groups.max(initial=0) + 1, np.bool_)
    asked[groups[:count][groups[:count] != NOBODY]] = True
    groups[count:][~asked[groups[count:]]] = NOBODY
    return groups[:count], groups[count:]


def _together(events: pd.Series, rows: pd.Series) -> pd.Series:
    """Return two columns as one, in a kind in which equal values are equal."""
    both = (events, rows)
    if all(pd.api.types.is_datetime64_any_dtype(each) for each in both):
        both = (times(events), times(rows))
    elif not all(_is_number(each) for each in both):
        # 3 and 3.0 are one text
        both = (words(events), words(rows))
    joined = pd.concat(both, ignore_index=True)
    if pd.api.types.is_float_dtype(joined.dtype) and any(_is_large(each) for each in both):
        # as floats, keys that are near each other would be one: 3 and 3.0 are one text here too
        joined = pd.concat((words(events), words(rows)), ignore_index=True)
    return joined


def _is_large(values: pd.Series) -> bool:
    """Tell whether there are whole numbers that are no floats."""
    if not pd.api.types.is_integer_dtype(values.dtype) or not values.notna().any():
        return False
    return max(abs(int(values.min())), int(values.max())) > _EXACT


def _is_number(values: pd.Series) -> bool:
    kind = values.dtype
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
