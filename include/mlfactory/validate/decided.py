"""What people decided about rows in quarantine, as the check of a source heeds it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import RAW_HELPERS, RESCUED, ROW
from mlfactory.lake.cells import cell
from mlfactory.lake.row_decisions import Word
from mlfactory.validate.marks import Marks
from mlfactory.validate.quarantine import Bad
from mlfactory.validate.survey import Batches

_AS_CORRECTED = "as corrected: "

Changes = Mapping[int, Mapping[str, str | None]]
"""Of each corrected row, by its place, the text of the cells that become others."""


@dataclass(frozen=True)
class Heeded:
    """What was decided about rows of a source, by their places in this landing.

    Attributes:
        accepted: rows that are let through as they are.
        corrected: rows that are judged anew, with other values.
        changes: these values.
        received: the corrected rows as they landed.
    """

    accepted: Marks = field(default_factory=Marks)
    corrected: Marks = field(default_factory=Marks)
    changes: Changes = field(default_factory=dict)
    received: Mapping[int, Bad] = field(default_factory=dict)

    @property
    def rows(self) -> Marks:
        """Return the rows that are, or may be, let through."""
        return self.accepted | self.corrected

    def __bool__(self) -> bool:
        return bool(len(self.accepted) or len(self.corrected))

    def as_received(self, bad: Bad) -> Bad:
        """Return a bad row by what landed: by that it is known, whatever it was corrected to."""
        landed = self.received.get(bad.row)
        if landed is None:
            return bad
        reasons = tuple(f"{_AS_CORRECTED}{reason}" for reason in bad.reasons)
        return replace(bad, reasons=reasons, record=landed.record, key=landed.key)


NOTHING = Heeded()
"""Nothing was decided."""


def heeded(bad: Iterable[Sequence[Bad]], words: Mapping[str, Word]) -> Heeded:
    """Return what was decided about the bad rows of a landing.

    Args:
        words: by the digest of the row's record.
    """
    accepted: list[int] = []
    received: dict[int, Bad] = {}
    changes: dict[int, Mapping[str, str | None]] = {}
    for piece in bad:
        for row in piece:
            word = words.get(row.digest)
            if word is None:
                continue
            if word.kind == "accepted":
                accepted.append(row.row)
            elif word.kind == "corrected":
                received[row.row] = row
                changes[row.row] = word.row.changes
    return Heeded(Marks(accepted), Marks(changes), changes, received)


def corrected_batches(batches: Batches, changes: Changes) -> Batches:
    """Return the rows of batches with the values that were given to some of them."""
    if not changes:
        return batches
    places = np.array(sorted(changes), dtype=np.int64)

    def corrected(*, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        start = 0
        for rows in batches(columns=columns):
            here = places[(places >= start) & (places < start + rows.num_rows)]
            yield _corrected(rows, here - start, [changes[int(place)] for place in here])
            start += rows.num_rows

    return corrected


def let_through(batches: Batches, places: Marks) -> pa.Table | None:
    """Return rows as the source's table of corrected rows has them, None of no places.

    A column without a value anywhere has no type, and is left out.
    """
    if not len(places):
        return None
    start, found = 0, []
    for rows in batches():
        here = places.within(start, start + rows.num_rows)
        if len(here):
            own = rows.take(pa.array(here - start))
            ours = [name for name in RAW_HELPERS if name in own.column_names]
            empty = [field.name for field in own.schema if pa.types.is_null(field.type)]
            own = own.drop_columns([*ours, *empty])
            found.append(own.append_column(ROW, pa.array(here)))
        start += rows.num_rows
    return pa.concat_tables(found)


def _corrected(
    rows: pa.Table, places: np.ndarray, changes: Sequence[Mapping[str, str | None]]
) -> pa.Table:
    """Return rows with other cells.

    Args:
        places: of the rows within these, ascending.
        changes: of each of them.
    """
    for name in dict.fromkeys(name for change in changes for name in change):
        if name not in rows.column_names or pa.types.is_null(rows.field(name).type):
            continue
        pairs = zip(places, changes, strict=True)
        own = [(at, change[name]) for at, change in pairs if name in change]
        kind = rows.field(name).type
        values = pa.array([cell(text, kind) for _, text in own], kind)
        rows = _replaced(rows, name, [at for at, _ in own], values)
    if len(places) and RESCUED in rows.column_names:
        texts = rows.column(RESCUED).take(pa.array(places)).to_pylist()
        left = [_still_unread(text, change) for text, change in zip(texts, changes, strict=True)]
        rows = _replaced(rows, RESCUED, places, pa.array(left, pa.string()))
    return rows


def _replaced(rows: pa.Table, name: str, places: Iterable[int], values: pa.Array) -> pa.Table:
    chosen = np.zeros(rows.num_rows, dtype=np.bool_)
    chosen[np.asarray(list(places), dtype=np.int64)] = True
    column = pc.replace_with_mask(rows.column(name).combine_chunks(), pa.array(chosen), values)
    return rows.set_column(rows.column_names.index(name), rows.field(name), column)


def _still_unread(text: str | None, change: Mapping[str, str | None]) -> str | None:
    cells = {name: said for name, said in json.loads(text or "{}").items() if name not in change}
    return json.dumps(cells, ensure_ascii=False) if cells else None
