"""What people decided about rows in quarantine, as the check of a source heeds it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import RAW_HELPERS, RESCUED, ROW
from mlfactory.lake.cells import cell
from mlfactory.lake.marks import Marks, Places
from mlfactory.lake.row_decisions import Kind, Word
from mlfactory.validate.quarantine import Bad, bad_rows, repeated_kind
from mlfactory.validate.shape import Shape, framed, shape_of, varying
from mlfactory.validate.survey import Batches

_AS_CORRECTED = "as corrected: "

_PIECE = 50_000
"""Rows whose records are held at once."""

Changes = Mapping[int, Mapping[str, str | None]]
"""Of each corrected row, by its place, the text of the cells that become others."""


@dataclass(frozen=True)
class Heeded:
    """What was decided about rows of a source, by their places in this landing.

    Attributes:
        accepted: rows that are let through as they are.
        corrected: rows that are judged anew, with other values.
        discarded: rows that stay out, whatever the rules say of them.
        changes: these values.
        received: the corrected rows as they landed.
    """

    accepted: Marks = field(default_factory=Marks)
    corrected: Marks = field(default_factory=Marks)
    changes: Changes = field(default_factory=dict)
    received: Mapping[int, Bad] = field(default_factory=dict)
    discarded: Marks = field(default_factory=Marks)

    def __bool__(self) -> bool:
        """Tell whether anything was decided."""
        return any(map(len, (self.accepted, self.corrected, self.discarded)))

    def as_received(self, bad: Bad) -> Bad:
        """Return a bad row by what landed: by that it is known, whatever it was corrected to."""
        landed = self.received.get(bad.row)
        if landed is None:
            return bad
        reasons = tuple(f"{_AS_CORRECTED}{reason}" for reason in bad.reasons)
        return replace(bad, reasons=reasons, record=landed.record, key=landed.key)


NOTHING = Heeded()
"""Nothing was decided."""


def heeded(source: str, batches: Batches, key: Sequence[str], words: Mapping[str, Word]) -> Heeded:
    """Return what was decided about the rows of a landing.

    They are looked for among all of its rows: whether a row is bad depends on the rules of today,
    and, of rows with one key, on their order.

    Args:
        key: the source's columns that name a row.
        words: by the digest of the row's record.
    """
    found: dict[str, list[Bad]] = defaultdict(list)
    for row in _received(source, batches, key, words):
        digest = row.digest
        if digest in words:
            found[digest].append(row)
    meant = [
        (words[digest], row)
        for digest, rows in found.items()
        for row in _meant(rows, words[digest], key)
    ]

    def marked(kind: Kind) -> Marks:
        return Marks(row.row for word, row in meant if word.kind == kind)

    corrected = [(word, row) for word, row in meant if word.kind == "corrected"]
    return Heeded(
        marked("accepted"),
        marked("corrected"),
        {row.row: word.row.changes for word, row in corrected},
        {row.row: row for _, row in corrected},
        marked("discarded"),
    )


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
    start, found = 0, list[pa.Table]()
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


def _meant(rows: Sequence[Bad], word: Word, key: Sequence[str]) -> Sequence[Bad]:
    """Return those of some identical rows that a word is about, in the order of their places.

    Rows that break rules do so alike, and all are meant. Of rows that had but the key of another
    one, that other may have been the same in every cell: it was good, was not decided about, and
    is left alone.
    """
    if set(word.row.kinds) != {repeated_kind(key)}:
        return rows
    return rows[-word.row.copies :]


def _received(
    source: str, batches: Batches, key: Sequence[str], words: Mapping[str, Word]
) -> Iterator[Bad]:
    """Yield the rows that may be those of some records, each with its record as it landed."""
    schema = next(batches()).schema
    shape = shape_of(batches(columns=varying(schema)))
    records = [json.loads(word.row.record) for word in words.values()]
    start = 0
    for rows in batches():
        places = _alike(rows, records)
        for at in range(0, len(places), _PIECE):
            piece = places[at : at + _PIECE]
            own = _records(source, rows.take(pa.array(piece)), shape, key)
            for place, row in zip(piece, own, strict=True):
                yield replace(row, row=start + int(place))
        start += rows.num_rows


def _records(source: str, rows: pa.Table, shape: Shape, key: Sequence[str]) -> list[Bad]:
    frame = framed(rows, shape)
    there = RESCUED in rows.column_names
    rescued = rows.column(RESCUED).to_pandas() if there else pd.Series(dtype="str")
    every = {row: () for row in range(len(frame))}
    return bad_rows(source, frame, rescued.reindex(frame.index), every, key)


def _alike(rows: pa.Table, records: Sequence[Mapping[str, Any]]) -> Places:
    """Return the places of the rows whose texts and whole numbers are those of some records.

    A record is costly to make; a cell that is empty may be one that could not be read.
    """
    alike = np.ones(rows.num_rows, dtype=np.bool_)
    for one in rows.schema:
        text = pa.types.is_string(one.type)
        if one.name in RAW_HELPERS or not (text or pa.types.is_int64(one.type)):
            continue
        kind = str if text else int
        cells = (record.get(one.name) for record in records)
        known = {each for each in cells if type(each) is kind}
        column = rows.column(one.name)
        same = pc.is_in(column, value_set=pa.array(list(known), one.type))
        alike &= pc.or_(same, pc.is_null(column)).to_numpy()
    return np.flatnonzero(alike)


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
