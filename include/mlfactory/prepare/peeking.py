"""Features that look ahead: found by changing what was not known yet, and building again.

At some moments of a partition the rows that came later are taken away; and the values that labels
are made of are changed in the rows whose label was not known yet. A feature of an event before that
moment must stay what it was: if it does not, it was made of what nobody had then. And of some rows
alone they are changed: a feature that follows the labels of just their events has its own label.

What is taken away takes events with it whose own row came later; they are not looked at. Which
columns a label is made of is found in the same way: changed, they make another label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from mlfactory.lake.kinds import times
from mlfactory.prepare.built import Built
from mlfactory.prepare.changing import Changed, exchanged, substituted
from mlfactory.prepare.peeks import EARLY, LATER, OWN, SAID, Found, Peek, Way
from mlfactory.product.errors import BuildError
from mlfactory.product.spec import ProductSpec

Sources = Mapping[str, pd.DataFrame]
Build = Callable[[Sources], pd.DataFrame]

_LABELS: tuple[Way, ...] = (OWN, EARLY, SAID)
"""The gravest first."""

_INSTANT = pd.Timedelta(microseconds=1)

_SOME = 0.1
"""Of the rows of a source, of how many the label is changed to see which features follow it."""

_ALL, _NONE = 0.9, 0.1
"""A feature has its own label that changes with nearly all of these, and with few others."""


def find_peeks(spec: ProductSpec, sources: Sources, build: Build) -> Found:
    """Return the features that look ahead, each with the worst that was seen of it.

    Args:
        sources: what build is given for a partition.
        build: the product's function.

    Raises:
        BuildError: if it fails on these as they are.
    """
    search = _Search(spec, sources, build)
    if not len(search.base.frame):
        return Found((), 0, ())
    peeks = list(search.peeks())
    worst: dict[tuple[str, Way], Peek] = {}
    for peek in peeks:
        standing = worst.get((peek.feature, peek.by))
        if standing is None or peek.events > standing.events:
            worst[peek.feature, peek.by] = peek
    # of one feature's labels the gravest is enough
    told = [
        peek
        for (feature, by), peek in worst.items()
        if by not in _LABELS
        or not any((feature, graver) in worst for graver in _LABELS[: _LABELS.index(by)])
    ]
    told.sort(key=lambda peek: (-peek.events, peek.feature))
    return Found(tuple(told), len(search.base.frame), tuple(dict.fromkeys(search.untried)))


class _Search:
    """The builds of one partition, and what could not be tried with it."""

    def __init__(self, spec: ProductSpec, sources: Sources, build: Build) -> None:
        self._spec, self._sources, self._build = spec, sources, build
        self.untried: list[str] = []
        self.base = Built(spec, build(sources))
        again = Built(spec, build(sources))
        restless = sorted({peek.feature for peek in self.base.peeks(again, LATER, (), None)})
        if restless:
            self.untried.append(f"{restless}: build gives other values each time it is called")
        self.base = self.base.without(restless)

    def peeks(self) -> Iterator[Peek]:
        """Yield whatever looks ahead, at each moment that it is seen."""
        made_of = {name: list(self._labelling(name)) for name in self._sources}
        # those that are told from elsewhere build is not given at all
        if not any(made_of.values()) and not self._spec.label.is_told:
            self.untried.append("labels: no column was found that the label is made of")
        yield from self._with_its_own(made_of)
        if not self._spec.features.event_time:
            return
        for moment in self.base.moments():
            yield from self._with_later_rows(moment)
            yield from self._with_early_labels(made_of, moment)

    def _with_later_rows(self, moment: pd.Timestamp) -> Iterator[Peek]:
        known = self._spec.features.known_at_event
        later = {
            name: ~self._until(name, moment) if name not in known else np.zeros(len(rows), bool)
            for name, rows in self._sources.items()
        }
        shorter = {
            name: rows[~later[name]].reset_index(drop=True) for name, rows in self._sources.items()
        }
        # some need rows that are gone: these stay, with the values of others
        other = self._built(shorter) or self._built(
            {
                name: exchanged(rows, later[name], self._free(name))
                for name, rows in self._sources.items()
            }
        )
        if other is None:
            self.untried.append("later rows: build fails without them")
            return
        yield from self.base.peeks(other, LATER, (), moment)

    def _with_early_labels(
        self, made_of: Mapping[str, Sequence[str]], moment: pd.Timestamp
    ) -> Iterator[Peek]:
        said = pd.Timedelta(self._spec.label.arrives_after)
        sure = min(said, self.base.since(moment))
        waits: list[tuple[pd.Timedelta, Way]] = [(max(sure, _INSTANT), EARLY)]
        if said > sure:
            waits.append((said, SAID))
        for wait, by in waits:
            marked = {name: ~self._until(name, moment - wait) for name in self._sources}
            yield from self._with_other_labels(made_of, marked, by, moment)

    def _with_other_labels(
        self,
        made_of: Mapping[str, Sequence[str]],
        marked: Mapping[str, Changed],
        by: Way,
        moment: pd.Timestamp,
    ) -> Iterator[Peek]:
        other = self._built_with_other_labels(made_of, marked)
        if other is not None:
            yield from self.base.peeks(other, by, _named(made_of), moment)
            yield from self.base.vanished(other, by, _named(made_of), moment)

    def _with_its_own(self, made_of: Mapping[str, Sequence[str]]) -> Iterator[Peek]:
        """Yield the features that change with the label of their event, and with no other."""
        draw = np.random.default_rng(20_130_401)
        marked = {name: draw.random(len(rows)) < _SOME for name, rows in self._sources.items()}
        other = self._built_with_other_labels(made_of, marked)
        if other is None:
            return
        own = self.base.other_labels(other)
        if not own.any():
            return
        for name, changed in self.base.changes(other):
            if changed[own].mean() >= _ALL and (own.all() or changed[~own].mean() <= _NONE):
                yield self.base.peek(other, name, OWN, _named(made_of), changed)

    def _built_with_other_labels(
        self, made_of: Mapping[str, Sequence[str]], marked: Mapping[str, Changed]
    ) -> Built | None:
        # those that are told from elsewhere build is not given at all
        if not any(made_of.values()) and not self._spec.label.is_told:
            return None
        for change in (substituted, exchanged):
            other = self._built(
                {
                    name: change(rows, marked[name], made_of[name])
                    for name, rows in self._sources.items()
                }
            )
            if other is not None:
                return other
        self.untried.append(f"labels ({', '.join(_named(made_of))}): build fails with others")
        return None

    def _labelling(self, source: str) -> Iterator[str]:
        """Yield the columns of a source that the label is made of, but for those known anyway."""
        for column in self._among(source, self._free(source)):
            if column not in self._spec.features.known_at_event:
                yield column

    def _among(self, source: str, columns: Sequence[str]) -> Iterator[str]:
        """Yield those that make another label, looked for by halves: few of many in few builds."""
        rows = self._sources[source]
        if not columns or len(rows) < 2:
            return
        everywhere = np.ones(len(rows), bool)
        tries = (change(rows, everywhere, columns) for change in (substituted, exchanged))
        built = [self._built({**self._sources, source: changed}) for changed in tries]
        whole = [other for other in built if other is not None]
        if len(columns) == 1:
            if not whole:
                self.untried.append(f"{source}.{columns[0]}: build fails with other values")
            elif any(self.base.has_another_label(other) for other in whole):
                yield columns[0]
            return
        # values that must fit together were torn apart, or the label is made of one of them
        if len(whole) < len(built) or any(map(self.base.has_another_label, whole)):
            middle = len(columns) // 2
            for half in (columns[:middle], columns[middle:]):
                yield from self._among(source, half)

    def _built(self, sources: Sources) -> Built | None:
        try:
            return Built(self._spec, self._build(sources))
        except BuildError:
            return None

    def _until(self, name: str, moment: pd.Timestamp) -> Changed:
        """Return (rows,) which rows of a source were there at a moment; of a register all were."""
        column = self._spec.sources[name].event_time
        rows = self._sources[name]
        if column is None:
            return np.ones(len(rows), bool)
        found: Changed = (times(rows[column]) <= moment).to_numpy(dtype=bool)
        return found

    def _free(self, name: str) -> list[str]:
        """Return the columns of a source whose values may be changed: not its key and time."""
        source = self._spec.sources[name]
        fixed = {*source.key, source.event_time}
        return [str(column) for column in self._sources[name].columns if column not in fixed]


def _named(made_of: Mapping[str, Sequence[str]]) -> list[str]:
    return sorted(f"{name}.{column}" for name, columns in made_of.items() for column in columns)
