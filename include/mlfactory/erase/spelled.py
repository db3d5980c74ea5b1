"""How else a source spells a subject: what only cleaning makes the value that is sought.

Without it the rows would come in again as the source has them, as nobody cleans at the door.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.erase.landed import mended
from mlfactory.ingest.subjects import sought, texts_of
from mlfactory.lake.catalog import LANDED_ROW, LANDING, ROW, clean, raw
from mlfactory.lake.erased import Erasure, Sought, note_again
from mlfactory.lake.pii_key import pii_key
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product


def with_spellings(
    product: Product, erasure: Erasure, keys: Sequence[str] | None = None
) -> Erasure:
    """Return an erasure with other spellings of its values, as the rows that landed have them.

    One is that differs in blanks and case alone: a row that somebody corrected may have had the
    value of another person. They are noted, so that such rows do not come in again.

    Args:
        keys: of the partitions that are looked through; all by default.
    """
    found = erasure
    for name, source in product.spec.sources.items():
        if source.clean:
            found = _with_those_of(product, name, found, keys)
    if found != erasure:
        note_again(product.name, found)
    return found


def _with_those_of(
    product: Product, source: str, erasure: Erasure, keys: Sequence[str] | None
) -> Erasure:
    lake, columns = Lake(product.name), [each.column for each in erasure.sought_in(source)]
    lacking = {*columns} - {*lake.columns(raw(source))}
    if not columns or lacking:
        return erasure
    for key in lake.partitions(clean(source)) if keys is None else keys:
        landing, places = mended(product, source, key, erasure)
        if not places:
            continue
        there = _rows(lake, raw(source), key, columns, ROW, sorted(places))
        there = there.filter(pc.equal(there[LANDING], landing))
        became = _rows(lake, clean(source), key, columns, LANDED_ROW, there[ROW].to_pylist())
        for column in columns:
            told, now = _texts(there, ROW, column), _texts(became, LANDED_ROW, column)
            for place, text in told.items():
                if text and text != now.get(place) and _plain(text) == _plain(now.get(place)):
                    erasure = _with_form(product, erasure, source, column, text)
    return erasure


def _rows(
    lake: Lake, table: str, key: str, columns: list[str], place: str, places: list[int]
) -> pa.Table:
    wanted = pa.array(places, pa.int64())
    found = [
        batch.filter(pc.is_in(batch[place], wanted))
        for batch in lake.batches(table, [key], columns=[*columns, place, LANDING])
    ]
    return pa.concat_tables(found)


def _texts(rows: pa.Table, place: str, column: str) -> dict[int, str | None]:
    texts = texts_of(rows[column]).to_pylist()
    return dict(zip(rows[place].to_pylist(), texts, strict=True))


def _plain(text: str | None) -> str:
    return "".join((text or "").split()).casefold()


def _with_form(product: Product, erasure: Erasure, source: str, column: str, text: str) -> Erasure:
    new = sought(product.name, source, column, text, pii_key(product.name)).forms

    def joined(one: Sought) -> Sought:
        if one.column != column or one.source not in ("", source):
            return one
        known = {each.digest for each in one.forms}
        return replace(one, forms=(*one.forms, *(f for f in new if f.digest not in known)))

    return replace(erasure, sought=tuple(map(joined, erasure.sought)))
