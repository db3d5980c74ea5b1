"""The rows that somebody gives, built beside the lake: which events are theirs, and which are not.

What is asked is answered by what was given. Where the lake has a row of the same name (the source's
key; of a source without one, the event's), the given row stands instead of it. An event that the
lake makes for itself is never the answer to a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pandas as pd

from mlfactory.ingest.given import Given
from mlfactory.predict.absent import check_absent
from mlfactory.predict.context import beside, newest, surroundings, without_like
from mlfactory.predict.origins import Keys, keys_of, origins_by_halves, origins_by_key
from mlfactory.prepare.given import Built, build_given, event_keys
from mlfactory.product.errors import BuildError
from mlfactory.product.loader import Product

T = TypeVar("T")
Ints = np.ndarray[tuple[int], np.dtype[np.int_]]
Make = Callable[[Product, Mapping[str, pd.DataFrame]], T]

LEFT_OUT = "build made no event of it"
ALIKE = "build makes several events of {key} here, so that nobody can tell which is this row's"
OF_THE_LAKE = "the lake has an event of the same {key}, and nobody can tell it from this row's"


@dataclass(frozen=True)
class Events:
    """The events of rows that were given.

    Attributes:
        built: the events of all of the rows.
        places: for each row the places of its own.
        reasons: why a row has none, by its place, for those that have none.
    """

    built: Built
    places: list[list[int]]
    reasons: dict[int, str] = field(default_factory=dict)


class Asked:
    """Usable rows of a file beside the lake, built as often as need be.

    Attributes:
        gaps: partitions that the rows' history needs and the lake does not have.
        replaced: how many rows of the lake stand back for rows that have no key of their own.
    """

    def __init__(self, product: Product, name: str, given: Given, usable: Sequence[int]) -> None:
        self.product = product
        self.name = name
        self.given = given
        self.rows = given.rows.loc[list(usable)].reset_index(drop=True)
        self.replaced = 0
        self._where = f"{product.name}.{name}"
        self._key = list(product.spec.features.key)
        # whether the source's own columns name the event
        self._named = set(self._key) <= set(self.rows.columns)
        source = product.spec.sources[name]
        around = surroundings(product, self.rows[source.event_time] if source.event_time else None)
        self.gaps = around.gaps
        self._lake = {
            **around.rows,
            name: without_like(around.rows[name], self.rows, list(source.key)),
        }

    def events(self) -> Events:
        """Return the events of the rows.

        Raises:
            ContractError: if the file lacks a column that features are made of.
            BuildError: if the product's function fails, or what it makes cannot be told apart.
        """
        self._check_absent()
        if self._named and not self.product.spec.sources[self.name].key:
            self._stand_back(without_like(self._lake[self.name], self.rows, self._key))
        built, keys, found = self._built()
        doubtful = self._of_the_lake(built, keys, found)
        if len(doubtful):
            self._stand_back(self._lake_without(doubtful))
            built, keys, found = self._built()
            doubtful = self._of_the_lake(built, keys, found)
        reasons = self._refused(keys, found, doubtful)
        found = [[] if row in reasons else places for row, places in enumerate(found)]
        wanted = sorted({place for places in found for place in places})
        new = {old: place for place, old in enumerate(wanted)}
        places = [[new[place] for place in places] for places in found]
        return Events(built.take(wanted), places, reasons)

    def _check_absent(self) -> None:
        check_absent(
            self._where,
            self.rows,
            self.given.absent,
            newest(self.product, self.name),
            [*self.given.ignored, *self.rows.columns.difference(list(self.given.absent))],
            self._before,
        )

    def _built(self) -> tuple[Built, Keys, list[list[int]]]:
        """Return all events, their keys, and for each row the places of those that it may own."""
        built = self._made(build_given, beside(self._lake[self.name], self.rows))
        keys = keys_of(built.events, self._key)
        found: list[list[int]] = []
        if self._named:
            found = origins_by_key(keys, keys_of(self.rows, self._key))
        if not any(found):
            found = origins_by_halves(keys, len(self.rows), self._keys_of_rows, self._where)
        return built, keys, found

    def _of_the_lake(self, built: Built, keys: Keys, found: list[list[int]]) -> Keys:
        """Return the keys of events among those of the rows that the lake makes without them.

        Of a source with a key the lake has none of the rows: an event of both is made of what the
        lake knows and the row together, as a customer's of their orders. Only where there are two,
        or the row changes nothing about one whose key build makes up, is it the lake's own.
        """
        lake = self._lake[self.name]
        mine = np.unique(np.array([place for places in found for place in places], dtype=int))
        has_key = bool(self.product.spec.sources[self.name].key)
        twice = keys.duplicated(keep=False)[mine]
        if lake.empty or not len(mine) or (has_key and self._named and not twice.any()):
            return keys[:0]
        known = self._made(build_given, lake)
        lakes = keys_of(known.events, self._key)
        own = keys[mine].isin(lakes)
        if has_key:
            own &= twice if self._named else twice | _unchanged(built, keys, mine, known, lakes)
        return keys[mine][own].unique()

    def _lake_without(self, doubtful: Keys) -> pd.DataFrame:
        """Return the rows of the lake but those of which build makes the events of some keys."""
        lake = self._lake[self.name]
        if self._named:
            own = keys_of(lake, self._key).isin(doubtful)
            if own.any():
                return lake[~own]
        made_of = origins_by_halves(doubtful, len(lake), self._keys_of_lake, self._where)
        return lake[[not places for places in made_of]]

    def _stand_back(self, lake: pd.DataFrame) -> None:
        self.replaced += len(self._lake[self.name]) - len(lake)
        self._lake[self.name] = lake

    def _refused(self, keys: Keys, found: list[list[int]], doubtful: Keys) -> dict[int, str]:
        """Return why rows have no event that is theirs alone, by the place of the row."""
        key = f"key {self._key}"
        owners: dict[int, int] = {}
        for places in found:
            for place in places:
                owners[place] = owners.get(place, 0) + 1
        reasons = {}
        for row, places in enumerate(found):
            if not places:
                reasons[row] = LEFT_OUT
            elif keys[places].isin(doubtful).any():
                reasons[row] = OF_THE_LAKE.format(key=key)
            elif len(places) > 1 and max(owners[place] for place in places) > 1:
                reasons[row] = ALIKE.format(key=key)
        return reasons

    def _before(self, row: pd.DataFrame) -> Built:
        """Build one row beside what the lake knows of the time before it."""
        lake, time = self._lake[self.name], self.product.spec.sources[self.name].event_time
        if time is not None:
            lake = lake[lake[time] < row[time].iloc[0]]
        return self._made(build_given, beside(lake, row))

    def _keys_of_rows(self, chosen: Sequence[int]) -> Keys:
        return self._keys_made(self.rows, chosen)

    def _keys_of_lake(self, chosen: Sequence[int]) -> Keys:
        return self._keys_made(self._lake[self.name], chosen)

    def _keys_made(self, rows: pd.DataFrame, chosen: Sequence[int]) -> Keys:
        frame = self._made(event_keys, rows.iloc[list(chosen)].reset_index(drop=True))
        return keys_of(frame, self._key)

    def _made(self, make: Make[T], rows: pd.DataFrame) -> T:
        try:
            return make(self.product, {**self._lake, self.name: rows})
        except BuildError as error:
            if not self.given.absent:
                raise
            raise BuildError(
                f"{error.problem}; the file has no column {', '.join(self.given.absent)}, which "
                "is empty here",
                remedy="let build take rows whose label is not known yet: it is null then",
            ) from error


def _unchanged(
    built: Built, keys: Keys, mine: Ints, known: Built, lakes: Keys
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return for each of the events `mine` whether the lake alone gives it the same features."""
    first = np.flatnonzero(~lakes.duplicated())
    places = lakes[first].get_indexer(keys[mine])
    here = built.features.iloc[mine].reset_index(drop=True)
    there = known.features.iloc[first[places]].reset_index(drop=True)
    same = ((here == there) | (here.isna() & there.isna())).all(axis="columns")
    return np.asarray(same & (places >= 0), dtype=np.bool_)
