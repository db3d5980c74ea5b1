"""What the events of a built frame may see of a source: its rows in order, and a span for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from mlfactory.prepare.asof.grouped import NEVER, NOBODY, Grouped, Ints, Span, groups_of, moments_of
from mlfactory.product.errors import BuildError
from mlfactory.product.mistakes import nearest

_MICROSECOND = timedelta(microseconds=1)


class Events:
    """The events of a frame, and the sources: what is found of them once is not found again.

    Attributes:
        where: what an error begins with.
    """

    def __init__(
        self,
        where: str,
        frame: pd.DataFrame,
        event_time: str | None,
        sources: Mapping[str, pd.DataFrame],
        times: Mapping[str, str | None],
    ) -> None:
        """Look at the events of a frame.

        Args:
            event_time: column of the frame; None where events have no time.
            times: the column with the time of each source's rows, None of a register.
        """
        self.where, self.frame, self._sources, self._times = where, frame, sources, times
        self._event_time = event_time
        self._known: dict[str, Ints] = {}
        self._pasts: dict[tuple[str, tuple[tuple[str, str], ...]], Past] = {}

    def past(self, source: str, by: Mapping[str, str], said: str) -> Past:
        """Return what the events may see of a source by a key.

        Args:
            said: where the spec asks for it.

        Raises:
            BuildError: if a column of the key is not there.
        """
        name = source, tuple(by.items())
        if name not in self._pasts:
            for column in by:
                self._check(self.frame, column, "the frame that build returned", said)
            rows = self.rows(source, list(by.values()), said)
            self._pasts[name] = Past(self, source, rows, self._moments_of(source, said), by)
        return self._pasts[name]

    @cached_property
    def moments(self) -> Ints:
        """Return (events,) when each is, in microseconds; of a snapshot all are at 0."""
        if self._event_time is None:
            return np.zeros(len(self.frame), np.int64)
        self._check(self.frame, self._event_time, "the frame that build returned", "features")
        return moments_of(self.frame[self._event_time])

    def rows(self, source: str, columns: Sequence[str], said: str) -> pd.DataFrame:
        """Return some columns of a source as they came; where nothing ever did, without a row.

        Raises:
            BuildError: if it has none of that name.
        """
        rows, names = self._sources[source], list(dict.fromkeys(columns))
        if rows.empty:
            # a source that nothing has landed of yet has no columns either
            rows = rows.reindex(columns=[*rows.columns, *(n for n in names if n not in rows)])
        for column in names:
            self._check(rows, column, f"the source '{source}'", said)
        return rows[names]

    def _moments_of(self, source: str, said: str) -> Ints | None:
        """Return (rows,) when each row of a source is, None of a register."""
        column = self._times[source]
        if column is not None and source not in self._known:
            self._known[source] = moments_of(self.rows(source, [column], said)[column])
        return self._known.get(source)

    def _check(self, frame: pd.DataFrame, column: str, of: str, said: str) -> None:
        columns = [str(each) for each in frame.columns]
        if columns.count(column) != 1:
            problem = "no column" if column not in columns else "more than one column"
            raise BuildError(
                f"{self.where}: {said} needs '{column}', and {of} has {problem} of that name"
                f"{nearest(column, columns)}; it has {columns}",
                remedy="correct product.yaml, or let the function return the column",
            )


class Past:
    """The rows of a source by a key and their time, and which of them each event may see."""

    def __init__(
        self,
        events: Events,
        source: str,
        rows: pd.DataFrame,
        moments: Ints | None,
        by: Mapping[str, str],
    ) -> None:
        """Order the rows of a source.

        Args:
            rows: with the columns of the key.
            moments: (rows,) when each is, None of a register.
        """
        self._events, self._source = events, source
        self._is_register = moments is None
        groups, of_rows = groups_of(events.frame, rows, by)
        self.known = (groups != NOBODY) & (events.moments != NEVER)
        # what is searched for in order is found several times as fast
        self._asked = np.lexsort((events.moments, groups))
        self._groups, self._moments = groups[self._asked], events.moments[self._asked]
        self._grouped = Grouped(of_rows, np.zeros_like(of_rows) if moments is None else moments)

    @property
    def order(self) -> Ints:
        """Return at which place of the source each row lies, in the order that spans count in."""
        return self._grouped.order

    def before(self, over: timedelta, known_after: timedelta) -> Span:
        """Return the rows known before each event that are at most `over` older than it."""
        return self._span(over, known_after, until=False)

    def newest(self, max_age: timedelta, known_after: timedelta) -> Ints:
        """Return (events,) the place in the source of the newest row known by then, -1 of none."""
        span = self._span(max_age, known_after, until=True)
        there = (span.end > span.first) & self.known
        found = np.full(len(there), -1, np.int64)
        found[there] = self.order[span.end[there] - 1]
        return found

    def values(self, column: str, said: str) -> pd.Series:
        """Return a column of the rows, in the order that spans count in."""
        found = self._events.rows(self._source, [column], said)[column]
        return found.iloc[self.order].reset_index(drop=True)

    def where(self, said: str) -> str:
        """Return what an error about the rows begins with."""
        return f"{self._events.where}: {said}, source '{self._source}'"

    def _span(self, over: timedelta, known_after: timedelta, *, until: bool) -> Span:
        if self._is_register:
            # all of its rows are known, and are seen whatever the time
            since = until_then = np.zeros_like(self._moments)
        else:
            # of no time nothing can be taken away
            moments = np.where(self._moments == NEVER, 0, self._moments)
            since, until_then = moments - _micro(over), moments - _micro(known_after)
        first = self._grouped.place(self._groups, since)
        end = np.maximum(first, self._grouped.place(self._groups, until_then, after=until))
        return Span(self._back(first), self._back(end))

    def _back(self, places: Ints) -> Ints:
        """Return what was found of the events in their own order."""
        found = np.empty_like(places)
        found[self._asked] = places
        return found


def _micro(length: timedelta) -> int:
    return length // _MICROSECOND
