"""What is noted of rows beside their cells: texts that cannot be read, and reasons against a row.

Few rows have any, so these are taken one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import REFUSED, RESCUED


def with_unread(
    rows: pa.Table, name: str, mask: pa.ChunkedArray, texts: pa.ChunkedArray
) -> pa.Table:
    """Return rows with the text of cells of a column that cannot be read."""

    def note(noted: str | None, text: str) -> str:
        return _dumped(json.loads(noted or "{}") | {name: text})

    return _noted(rows, RESCUED, mask, texts, note)


def with_refused(
    rows: pa.Table, mask: pa.ChunkedArray, values: pa.ChunkedArray, kind: str, told: str
) -> pa.Table:
    """Return rows with a reason against some of them.

    Args:
        kind: the reason for any row.
        told: the same for one, with `{}` for its value.
    """

    def note(noted: str | None, value: Any) -> str:
        return _dumped([*json.loads(noted or "[]"), [kind, told.format(repr(value))]])

    return _noted(rows, REFUSED, mask, values, note)


def without_unread(rows: pa.Table, name: str, words: Collection[str]) -> tuple[pa.Table, list[str]]:
    """Return rows without the unreadable cells of a column that mean no value, and their texts."""
    noted = rows.column(RESCUED)
    named = pc.match_substring(noted, json.dumps(name, ensure_ascii=False))
    found: list[str] = []
    places, left = [], []
    # of a column without any chunk Arrow itself finds no places, and dies
    for place in np.flatnonzero(pc.fill_null(named, False).to_numpy()).tolist():
        cells = json.loads(noted[place].as_py())
        if str(cells.get(name)).strip() in words:
            found.append(cells.pop(name))
            places.append(place)
            left.append(_dumped(cells) if cells else None)
    return _replaced(rows, RESCUED, np.array(places, dtype=np.int64), left), found


def _noted(
    rows: pa.Table,
    column: str,
    mask: pa.ChunkedArray,
    values: pa.ChunkedArray,
    note: Callable[[str | None, Any], str],
) -> pa.Table:
    places = np.flatnonzero(mask.to_numpy())
    if not len(places):
        return rows
    taken = pa.array(places)
    pairs = zip(
        rows.column(column).take(taken).to_pylist(), values.take(taken).to_pylist(), strict=True
    )
    return _replaced(rows, column, places, [note(noted, value) for noted, value in pairs])


def _replaced(rows: pa.Table, column: str, places: np.ndarray, notes: list[str | None]) -> pa.Table:
    if not len(places):
        return rows
    chosen = np.zeros(rows.num_rows, dtype=np.bool_)
    chosen[places] = True
    before = rows.column(column).combine_chunks()
    after = pc.replace_with_mask(before, pa.array(chosen), pa.array(notes, pa.string()))
    return rows.set_column(rows.column_names.index(column), column, after)


def _dumped(content: Any) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False)
