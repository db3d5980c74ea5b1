"""Features that look ahead: found by changing what was not known yet, and building again.

At some moments of a partition the rows that came later are taken away; and the values that labels
are made of are exchanged among the rows whose label was not known yet. A feature of an event before
that moment must stay what it was: if it does not, it was made of what nobody had then.

What is taken away takes events with it whose own row came later; they are not looked at. Which
columns a label is made of is found in the same way: exchanged, they make another label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.lake.kinds import times
from mlfactory.product.errors import BuildError
from mlfactory.product.spec import ProductSpec

Sources = Mapping[str, pd.DataFrame]
Build = Callable[[Sources], pd.DataFrame]
Way = Literal[
    "rows that came later",
    "labels that were not known yet",
    "labels that label.arrives_after says were not known yet",
]

SHARES = (0.3, 0.6, 0.9)
"""Of a partition's events, after which of them it is looked."""

_NEAR = 100
"""Events before a moment whose labels nobody had then, as long as labels take any time at all."""

_INSTANT = pd.Timedelta(microseconds=1)

_SEED = 20_130_401
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
"""How far sums of the same numbers may differ when they are added in another order."""

Changed = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Peek:
    """A feature that looks ahead.

    Attributes:
        by: what it is made of and must not be.
        columns: in which the labels are that it looks at; none of rows that came later.
        events: how many of `looked_at` events it is another one of, at the moment where most are.
        example: the key of one of them.
    """

    feature: str
    by: Way
    columns: tuple[str, ...]
    events: int
    looked_at: int
    example: Mapping[str, object]

    @property
    def is_sure(self) -> bool:
        """Tell whether it looks ahead, or only as the spec has it: labels may come sooner."""
        return not self.by.startswith("labels that label.arrives_after")

    def __str__(self) -> str:
        made = f" ({', '.join(self.columns)})" if self.columns else ""
        key = ", ".join(f"{name}={value}" for name, value in self.example.items())
        return (
            f"'{self.feature}' is made of {self.by}{made}: without them it is another one for "
            f"{self.events:,} of {self.looked_at:,} events, such as {key}"
        )


def find_peeks(spec: ProductSpec, sources: Sources, build: Build) -> list[Peek]:
    """Return the features that look ahead, each with the worst that was seen of it.

    Args:
        sources: what build is given for a partition.
        build: the product's function.
    """
    base = _Built(spec, build(sources))
    if not len(base.frame):
        return []
    found = list(_at_labels(spec, sources, build, base))
    if spec.features.event_time:
        for moment in base.moments():
            found += _at_later_rows(spec, sources, build, base, moment)
    worst: dict[tuple[str, Way], Peek] = {}
    for peek in found:
        standing = worst.get((peek.feature, peek.by))
        if standing is None or peek.events > standing.events:
            worst[peek.feature, peek.by] = peek
    sure = {feature for feature, by in worst if by == "labels that were not known yet"}
    told = [peek for peek in worst.values() if peek.is_sure or peek.feature not in sure]
    return sorted(told, key=lambda peek: (-peek.events, peek.feature))


class _Built:
    """What build returned: its features and label by the key of their events."""

    def __init__(self, spec: ProductSpec, frame: pd.DataFrame) -> None:
        self.key = list(spec.features.key)
        # an event that is told twice nobody could find again
        self.frame = frame.drop_duplicates(self.key, keep=False).set_index(self.key)
        self._time = spec.features.event_time
        self._inputs = [name for name in spec.features.inputs if name in self.frame]
        self._label = spec.label.column

    @property
    def times(self) -> pd.Series:
        """Return the time of each event, by its key."""
        return times(self.frame[self._time])

    def moments(self) -> list[pd.Timestamp]:
        """Return moments of events, after each of which there are some."""
        ordered = self.times.dropna().sort_values(ignore_index=True)
        places = {int(share * len(ordered)) for share in SHARES}
        return [ordered[place] for place in sorted(places) if place < len(ordered)]

    def since(self, moment: pd.Timestamp) -> pd.Timedelta:
        """Return for how long before a moment the last few events lie."""
        before = self.times[(self.times <= moment).to_numpy()].nlargest(_NEAR)
        return pd.Timedelta(moment - before.min())

    def known_by(self, moment: pd.Timestamp | None) -> pd.Index:
        """Return the events up to a moment; without one, all."""
        if moment is None or self._time is None:
            return self.frame.index
        return self.frame.index[(self.times <= moment).to_numpy()]

    def has_another_label(self, other: _Built) -> bool:
        """Tell whether the label of an event of both is another one in `other`."""
        return bool(_differ(*self._both(other, self.frame.index, self._label)).any())

    def peeks(
        self, other: _Built, by: Way, columns: Sequence[str], moment: pd.Timestamp | None
    ) -> Iterator[Peek]:
        """Yield the features of which `other`, built without the future, has another value."""
        events = self.known_by(moment)
        for name in self._inputs:
            mine, others = self._both(other, events, name)
            changed = _differ(mine, others)
            if changed.any():
                place = int(np.flatnonzero(changed)[0])
                key = mine.index[place]
                example = dict(
                    zip(self.key, key if isinstance(key, tuple) else (key,), strict=True)
                )
                count = int(changed.sum())
                yield Peek(name, by, tuple(columns), count, len(mine), example)

    def _both(self, other: _Built, events: pd.Index, name: str) -> tuple[pd.Series, pd.Series]:
        """Return a column of the events that both have: who is gone has not looked ahead."""
        if name not in other.frame:
            return self.frame[name].iloc[:0], self.frame[name].iloc[:0]
        shared = events.intersection(other.frame.index, sort=False)
        return self.frame[name].loc[shared], other.frame[name].loc[shared]


def _at_later_rows(
    spec: ProductSpec, sources: Sources, build: Build, base: _Built, moment: pd.Timestamp
) -> Iterator[Peek]:
    later = {name: ~_until(spec, name, rows, moment) for name, rows in sources.items()}
    shorter = {name: rows[~later[name]].reset_index(drop=True) for name, rows in sources.items()}
    try:
        other = _Built(spec, build(shorter))
    except BuildError:
        # some need rows that are gone: these stay, with the values of others
        exchanged = {
            name: _exchanged(rows, later[name], _free(spec, name, rows))
            for name, rows in sources.items()
        }
        other = _Built(spec, build(exchanged))
    yield from base.peeks(other, "rows that came later", (), moment)


def _at_labels(spec: ProductSpec, sources: Sources, build: Build, base: _Built) -> Iterator[Peek]:
    """Yield what looks at labels too early, its own label among them."""
    made_of = {
        name: [
            column
            for column in _labelling(spec, sources, build, base, name, _free(spec, name, rows))
            if column not in spec.features.known_at_event
        ]
        for name, rows in sources.items()
    }
    named = sorted({f"{name}.{column}" for name, columns in made_of.items() for column in columns})
    for moment, known, by in _unknown_at(spec, base) if named else ():
        changed = {
            name: _exchanged(rows, ~_until(spec, name, rows, known), made_of[name])
            for name, rows in sources.items()
        }
        yield from base.peeks(_Built(spec, build(changed)), by, named, moment)


def _unknown_at(
    spec: ProductSpec, base: _Built
) -> Iterator[tuple[pd.Timestamp | None, pd.Timestamp | None, Way]]:
    """Yield moments, until when events had a label that was known then, and in what sense."""
    if not spec.features.event_time:
        yield None, None, "labels that were not known yet"
        return
    for moment in base.moments():
        said = pd.Timedelta(spec.label.arrives_after)
        sure = min(said, base.since(moment))
        yield moment, moment - max(sure, _INSTANT), "labels that were not known yet"
        if said > sure:
            yield moment, moment - said, "labels that label.arrives_after says were not known yet"


def _labelling(
    spec: ProductSpec,
    sources: Sources,
    build: Build,
    base: _Built,
    source: str,
    columns: Sequence[str],
) -> Iterator[str]:
    """Yield the columns of a source that the label is made of: without them it is another one.

    They are looked for by halves, so that a few of many are found in few builds.
    """
    if not columns or len(sources[source]) < 2:
        return
    rows = sources[source]
    changed = {**sources, source: _exchanged(rows, np.ones(len(rows), bool), columns)}
    try:
        is_other = base.has_another_label(_Built(spec, build(changed)))
    except BuildError:
        # values that must fit together were torn apart; of one alone nothing can be told
        is_other = len(columns) > 1
    if not is_other:
        return
    if len(columns) == 1:
        yield columns[0]
        return
    middle = len(columns) // 2
    for half in (columns[:middle], columns[middle:]):
        yield from _labelling(spec, sources, build, base, source, half)


def _until(
    spec: ProductSpec, name: str, rows: pd.DataFrame, moment: pd.Timestamp | None
) -> Changed:
    """Return (rows,) which rows of a source were there at a moment; without one, none.

    What a register has was there when it was seen, but for the labels in it.
    """
    column = spec.sources[name].event_time
    if moment is None:
        return np.zeros(len(rows), bool)
    if column is None:
        return np.ones(len(rows), bool)
    found: Changed = (times(rows[column]) <= moment).to_numpy(dtype=bool)
    return found


def _free(spec: ProductSpec, name: str, rows: pd.DataFrame) -> list[str]:
    """Return the columns of a source whose values may be exchanged: not its key and time."""
    source = spec.sources[name]
    fixed = {*source.key, source.event_time}
    return [str(column) for column in rows.columns if column not in fixed]


def _exchanged(rows: pd.DataFrame, later: Changed, columns: Sequence[str]) -> pd.DataFrame:
    """Return rows of which those marked have the values of others of them in some columns."""
    places = np.flatnonzero(later)
    if len(places) < 2 or not columns:
        return rows
    order = np.random.default_rng(_SEED).permutation(len(places))
    found = rows.copy()
    for column in columns:
        values = found[column].array.copy()
        values[places] = values[places[order]]
        found[column] = values
    return found


def _differ(one: pd.Series, other: pd.Series) -> Changed:
    """Return (events,) where two columns differ by more than sums do that are added otherwise."""
    mine, others = one.to_numpy(), other.to_numpy()
    absent = pd.isna(mine) & pd.isna(others)
    if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other):
        both = one.astype("float64").to_numpy(), other.astype("float64").to_numpy()
        same = np.isclose(*both, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True)
        return ~same
    differs: Changed = (one.astype("str").to_numpy() != other.astype("str").to_numpy()) & ~absent
    return differs
