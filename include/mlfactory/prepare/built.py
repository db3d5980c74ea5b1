"""What build returned, by the key of its events, and how another building of it differs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pandas as pd

from mlfactory.lake.kinds import times
from mlfactory.prepare.changing import Changed
from mlfactory.prepare.peeks import Peek, Way
from mlfactory.product.spec import ProductSpec

SHARES = (0.3, 0.6, 0.9)
"""Of a partition's events, after which of them it is looked."""

_NEAR = 100
"""Events before a moment whose labels nobody had then, as long as labels take any time at all."""

_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
"""How far sums of the same numbers may differ when they are added in another order."""

_EVENTS = "(which events there are)"


class Built:
    """Features and label by the key of their events."""

    def __init__(self, spec: ProductSpec, frame: pd.DataFrame) -> None:
        self._spec = spec
        self.key = list(spec.features.key)
        # an event that is told twice nobody could find again
        self.frame = frame.drop_duplicates(self.key, keep=False).set_index(self.key)
        self._inputs = [name for name in spec.features.inputs if name in self.frame]

    def without(self, names: Collection[str]) -> Built:
        """Return the same without some features."""
        found = Built.__new__(Built)
        found._spec, found.key, found.frame = self._spec, self.key, self.frame
        found._inputs = [name for name in self._inputs if name not in names]
        return found

    @property
    def times(self) -> pd.Series:
        """Return the time of each event, by its key."""
        return times(self.frame[self._spec.features.event_time])

    def moments(self) -> list[pd.Timestamp]:
        """Return moments of events, after each of which there are some."""
        ordered = self.times.dropna().sort_values(ignore_index=True)
        places = {int(share * len(ordered)) for share in SHARES}
        return [ordered[place] for place in sorted(places) if place < len(ordered)]

    def since(self, moment: pd.Timestamp) -> pd.Timedelta:
        """Return for how long before a moment the last few events lie."""
        before = self.times[(self.times <= moment).to_numpy()].nlargest(_NEAR)
        return pd.Timedelta(moment - before.min())

    def has_another_label(self, other: Built) -> bool:
        """Tell whether the label of an event of both is another one in `other`."""
        return bool(self.other_labels(other).any())

    def other_labels(self, other: Built) -> Changed:
        """Return (events,) of which events that both have the label is another one in `other`."""
        return differ(*self._both(other, self._shared(other, None), self._spec.label.column))

    def changes(self, other: Built) -> Iterator[tuple[str, Changed]]:
        """Yield each feature that is another one in `other`, and (events,) of which of both."""
        shared = self._shared(other, None)
        for name in self._inputs:
            changed = differ(*self._both(other, shared, name))
            if changed.any():
                yield name, changed

    def peeks(
        self, other: Built, by: Way, columns: Sequence[str], moment: pd.Timestamp | None
    ) -> Iterator[Peek]:
        """Yield the features of which `other`, built without the future, has another value."""
        shared = self._shared(other, moment)
        for name in self._inputs:
            changed = differ(*self._both(other, shared, name))
            if changed.any():
                yield self._peek(shared, name, by, columns, changed)

    def peek(
        self, other: Built, name: str, by: Way, columns: Sequence[str], changed: Changed
    ) -> Peek:
        """Return what is to be told of a feature that `changes` has given."""
        return self._peek(self._shared(other, None), name, by, columns, changed)

    def vanished(
        self, other: Built, by: Way, columns: Sequence[str], moment: pd.Timestamp
    ) -> Iterator[Peek]:
        """Yield that events up to a moment are gone from `other`, which has all of their rows."""
        known = self.frame.index[(self.times <= moment).to_numpy()]
        gone = ~known.isin(other.frame.index)
        if gone.any():
            yield self._peek(known, _EVENTS, by, columns, gone)

    def _peek(
        self, events: pd.Index, name: str, by: Way, columns: Sequence[str], changed: Changed
    ) -> Peek:
        key = events[int(np.flatnonzero(changed)[0])]
        parts = key if isinstance(key, tuple) else (key,)
        example = dict(zip(self.key, parts, strict=True))
        return Peek(name, by, tuple(columns), int(changed.sum()), len(events), example)

    def _shared(self, other: Built, moment: pd.Timestamp | None) -> pd.Index:
        """Return the events of both, up to a moment: who is gone has not looked ahead."""
        events = self.frame.index
        if moment is not None:
            events = events[(self.times <= moment).to_numpy()]
        return events.intersection(other.frame.index, sort=False)

    def _both(self, other: Built, events: pd.Index, name: str) -> tuple[pd.Series, pd.Series]:
        if name not in other.frame or name not in self.frame:
            nothing = pd.Series(np.zeros(len(events)), index=events)
            return nothing, nothing
        return self.frame[name].loc[events], other.frame[name].loc[events]


def differ(one: pd.Series, other: pd.Series) -> Changed:
    """Return (events,) where two columns differ by more than sums do that are added otherwise."""
    if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other):
        mine, others = (side.astype("float64").to_numpy() for side in (one, other))
        close = np.isclose(mine, others, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True)
        return ~np.asarray(close, dtype=bool)
    absent = np.asarray(one.isna()) & np.asarray(other.isna())
    texts = [side.astype("str").to_numpy() for side in (one, other)]
    differs: Changed = np.asarray(texts[0] != texts[1], dtype=bool) & ~absent
    return differs
