"""From a file with rows of a source to a prediction, or the reason of none, for each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from mlfactory.ingest.given import Given, read_given
from mlfactory.predict.absent import check_absent
from mlfactory.predict.context import (
    beside,
    driving_source,
    newest,
    surroundings,
    without_like,
)
from mlfactory.predict.origins import keys_of, origins_by_halves, origins_by_key
from mlfactory.predict.table import table_of
from mlfactory.prepare.given import Built, build_given, event_keys
from mlfactory.product.errors import BuildError
from mlfactory.product.loader import Product
from mlfactory.score import answers, model_for

T = TypeVar("T")
Make = Callable[[Product, Mapping[str, pd.DataFrame]], T]

LEFT_OUT = "build made no event of it"


@dataclass(frozen=True)
class Predicted:
    """What was answered.

    Attributes:
        table: a line for each row of the file, in its order (see `predict.table`).
        source: the source that the rows are of.
        version: the version that answered.
        rows: how many rows the file has.
        scored: how many of its lines have a score.
        notes: what whoever asked should know, a sentence each.
    """

    table: pd.DataFrame
    source: str
    version: str
    rows: int
    scored: int
    notes: tuple[str, ...]


def run(
    product: Product, file: Path, *, source: str | None = None, version: str | None = None
) -> Predicted:
    """Predict the rows of `file` with the champion, or with `version`.

    The rows are read as the source's own are, and built by the product's function together with
    what the lake knows now; nothing is written.

    Raises:
        UsageError: if there is no champion, version or source, or nothing was landed yet.
        ContractError: if the file cannot be read, or lacks a column that features are made of.
        BuildError: if the product's function fails.
        IntegrityError: if the model's files are not those that were registered.
    """
    model = model_for(product, version)
    name = driving_source(product, source)
    given = read_given(product, name, file)
    usable = [row for row in given.rows.index if row not in given.reasons]
    asked = _Asked(product, name, given, usable)
    events, origins = asked.events() if usable else (None, [])
    reasons = dict(given.reasons)
    reasons |= {row: LEFT_OUT for row, made in zip(usable, origins, strict=True) if not made}
    answered = None
    if events is not None:
        good = [place for place in range(len(events.features)) if place not in events.reasons]
        answered = answers(product, events.features.iloc[good], model).set_axis(good)
    places = dict(zip(usable, origins, strict=True))
    table = table_of(product.spec, given.rows, events, places, answered, reasons, model.version)
    return Predicted(
        table=table,
        source=name,
        version=model.version,
        rows=len(given.rows),
        scored=int(table["score"].notna().sum()),
        notes=tuple(_notes(given, asked.gaps)),
    )


class _Asked:
    """The usable rows of a file beside the lake, built as often as need be."""

    def __init__(self, product: Product, name: str, given: Given, usable: Sequence[int]) -> None:
        self.product = product
        self.name = name
        self.given = given
        self.rows = given.rows.loc[list(usable)].reset_index(drop=True)
        source = product.spec.sources[name]
        times = self.rows[source.event_time] if source.event_time else None
        around = surroundings(product, times)
        self.gaps = around.gaps
        self._lake = {
            **around.rows,
            name: without_like(around.rows[name], self.rows, source),
        }

    def events(self) -> tuple[Built, list[list[int]]]:
        """Return the events of the rows, and for each row the places of its own."""
        where = f"{self.product.name}.{self.name}"
        check_absent(
            where,
            self.rows,
            self.given.absent,
            newest(self.product, self.name),
            [*self.given.ignored, *self.rows.columns.difference(list(self.given.absent))],
            self._before,
        )
        built = self._build(self.rows)
        key = list(self.product.spec.features.key)
        keys = keys_of(built.events, key)
        found: list[list[int]] = []
        if set(key) <= set(self.rows.columns):
            found = origins_by_key(keys, keys_of(self.rows, key))
        if not any(found):
            found = origins_by_halves(keys, len(self.rows), self._keys, where)
        wanted = sorted({place for places in found for place in places})
        new = {old: place for place, old in enumerate(wanted)}
        return built.take(wanted), [[new[place] for place in places] for places in found]

    def _build(self, rows: pd.DataFrame) -> Built:
        return self._made(build_given, beside(self._lake[self.name], rows))

    def _before(self, row: pd.DataFrame) -> Built:
        """Build one row beside what the lake knows of the time before it."""
        lake, time = self._lake[self.name], self.product.spec.sources[self.name].event_time
        if time is not None:
            lake = lake[lake[time] < row[time].iloc[0]]
        return self._made(build_given, beside(lake, row))

    def _keys(self, chosen: Sequence[int]) -> pd.MultiIndex:
        frame = self._made(event_keys, self.rows.iloc[list(chosen)].reset_index(drop=True))
        return keys_of(frame, self.product.spec.features.key)

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


def _notes(given: Given, gaps: Sequence[str]) -> list[str]:
    notes = []
    if given.absent:
        notes.append(f"the file lacks {', '.join(given.absent)}: no feature is made of them")
    if given.ignored:
        notes.append(f"not known to the source, and ignored: {', '.join(given.ignored)}")
    if gaps:
        notes.append(
            f"the history of {', '.join(gaps)} is not in the lake: features that look back lack it"
        )
    return notes
