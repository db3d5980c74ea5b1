"""All steps of a source, one after another, on rows that come batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from mlfactory.cleaning.across import (
    Again,
    last_known,
    repeats,
    with_last_known,
    without_repeats,
)
from mlfactory.cleaning.cells import taken
from mlfactory.cleaning.extent import Extents
from mlfactory.cleaning.suited import columns_of
from mlfactory.cleaning.told import Told
from mlfactory.lake.catalog import LANDED_ROW, LANDING, PARTITION, REFUSED, RESCUED, ROW, SEEN_AT
from mlfactory.lake.marks import Marks
from mlfactory.product.cleaning import Duplicates, Fill, Step
from mlfactory.product.loader import Product


@dataclass
class _Known:
    """What is known of the rows of a partition while they are cleaned.

    Attributes:
        disk: keeps what is spooled.
        left_out: the landed rows of which no other is to hear.
        found: by the number of each step that asks other rows what it has found: it asks once,
            however often those behind it go through the rows.
    """

    disk: ExitStack
    left_out: Marks
    found: dict[int, Any] = field(default_factory=dict)


class Cleaning:
    """The steps of a source.

    Args:
        landed: the columns of its rows as they landed.

    Attributes:
        told: what each step did to the rows that went by last.
        landed: how many rows went in.
        schema: of the rows as they are cleaned, without what `rows` adds.

    Raises:
        ContractError: if a step is about a column that the source does not have, or that is not of
            the type that it is for.
    """

    def __init__(self, product: Product, name: str, landed: pa.Schema) -> None:
        self._source = product.spec.sources[name]
        self._where = f"{product.name}.{name}"
        self.told = [Told(step) for step in self._source.clean]
        self.landed = 0
        rows = _begun(landed.empty_table())
        self._begins = rows.schema
        for number, told in enumerate(self.told):
            told.columns = columns_of(told.step, self._called(number), rows.schema, self._source)
            if not _asks_others(told.step):
                rows = taken(rows, told, self._source)
            elif isinstance(told.step, Fill):
                # of a column that never had a value none is known
                told.columns = [
                    name for name in told.columns if not pa.types.is_null(rows.field(name).type)
                ]
        self.schema = rows.schema
        self._touched = sorted({name for told in self.told for name in told.columns})
        self._before, self._after_all = Extents(), Extents()

    def rows(self, again: Again, run: str, left_out: Marks | None = None) -> Iterator[pa.Table]:
        """Yield the rows of a partition, cleaned, in their order.

        Args:
            again: yields them as they landed, at least one batch, as often as it is called.
            run: the id of the run that cleans.
            left_out: landed rows, by their places, of which no other row is to hear: no other is
                dropped for them, or filled from them.
        """
        again = partial(self._first, again)
        with ExitStack() as disk:
            known = _Known(disk, left_out or Marks())
            for number in range(len(self.told)):
                again = partial(self._after, number, again, known)
            start = 0
            self._after_all.begin(self.schema, self._touched)
            for rows in again():
                self._after_all.look(rows)
                yield _ended(rows, start, run)
                start += rows.num_rows

    def of_rows(self, rows: pa.Table) -> pa.Table:
        """Return rows by the steps that ask nothing but the row itself; nothing is counted."""
        rows = _begun(rows)
        for told in self.told:
            if not _asks_others(told.step):
                rows = taken(rows, Told(told.step, told.columns), self._source)
        return rows

    @property
    def stopped(self) -> tuple[str, ...]:
        """Return why the rows that went by last stop their partition, where they do."""
        told = [(number, each.stopped) for number, each in enumerate(self.told) if each.stopped]
        return tuple(f"{self._named(number)}: {why}" for number, why in told)

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of the rows that went by last."""
        return {
            "landed": self.landed,
            "told": [told.facts() for told in self.told],
            "columns": {
                name: [self._before[name].facts(), self._after_all[name].facts()]
                for name in self._touched
                if name in self._before and name in self._after_all
            },
        }

    def _after(self, number: int, again: Again, known: _Known) -> Iterator[pa.Table]:
        """Yield rows after a step."""
        told, found = self.told[number], known.found
        if isinstance(told.step, Duplicates):
            if number not in found:
                found[number] = repeats(again, told, known.left_out)
            told.begin()
            yield from without_repeats(again, told, found[number])
        elif _asks_others(told.step):
            if number not in found:
                found[number] = last_known(again, told, known.disk, known.left_out)
            told.begin()
            yield from with_last_known(again, told, found[number])
        else:
            told.begin()
            for rows in again():
                yield taken(rows, told, self._source)

    def _first(self, again: Again) -> Iterator[pa.Table]:
        self.landed = 0
        self._before.begin(self._begins, self._touched)
        for rows in again():
            self.landed += rows.num_rows
            begun = _begun(rows)
            self._before.look(begun)
            yield begun

    def _called(self, number: int) -> str:
        return f"{self._where}: {self._named(number)}"

    def _named(self, number: int) -> str:
        return f"step {number + 1} of clean ({self.told[number].step})"


def _asks_others(step: Step) -> bool:
    return isinstance(step, Duplicates) or (isinstance(step, Fill) and bool(step.last_of))


def _begun(rows: pa.Table) -> pa.Table:
    """Return landed rows with what cleaning notes of them."""
    ours = (PARTITION, LANDING, SEEN_AT)
    rows = rows.drop_columns([name for name in ours if name in rows.column_names])
    if RESCUED not in rows.column_names:
        rows = rows.append_column(RESCUED, pa.nulls(rows.num_rows, pa.string()))
    rows = rows.append_column(REFUSED, pa.nulls(rows.num_rows, pa.string()))
    names = [LANDED_ROW if name == ROW else name for name in rows.column_names]
    return rows.rename_columns(names)


def _ended(rows: pa.Table, start: int, run: str) -> pa.Table:
    """Return cleaned rows in their places, with the id of the run that cleaned them."""
    places = pa.array(np.arange(start, start + rows.num_rows))
    marks = pa.array([run] * rows.num_rows, pa.string())
    return rows.append_column(ROW, places).add_column(0, LANDING, marks)
