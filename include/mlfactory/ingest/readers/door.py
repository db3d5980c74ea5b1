"""The door: what no row takes with it on its way in, whatever kind its source is.

Columns that the spec calls personal are hashed or dropped piece by piece as they are read, before
anything is kept, counted or shown. Only what a reader must put aside to read it at all, such as all
pages of an answer, lies for that long in a file without a name, which is gone with the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.readers.base import Part, Reader, Rows
from mlfactory.ingest.request import Request
from mlfactory.ingest.subjects import Subjects, hashed_text, texts_of, without
from mlfactory.lake.catalog import raw
from mlfactory.lake.erased import erasures_and_key
from mlfactory.lake.pii_key import pii_key
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import kinds_of
from mlfactory.product.errors import ContractError


class Guarded(Reader[Any]):
    """A reader whose rows come through the door."""

    def __init__(self, reader: Reader[Any], erased: Subjects | None = None) -> None:
        super().__init__(reader.request)
        self._reader = reader
        self._erased = erased
        self._taken = False
        if "hash" in self.source.pii.values():
            # of what was read before nothing is hashed any more, and the key may be another one
            pii_key(reader.request.product.name)

    def parts(self) -> Sequence[Part]:
        """See `Reader`."""
        return self._reader.parts()

    @contextmanager
    def opened(self, part: Part) -> Iterator[Rows]:
        """See `Reader`."""
        with self._reader.opened(part) as rows:
            yield self._without_erased(guarded(self.request, self._without_erased(rows)))

    def told(self, part: Part) -> Mapping[str, Any]:
        """See `Reader`."""
        return self._reader.told(part)

    def place(self, parts: Sequence[Part]) -> str:
        """See `Reader`."""
        return self._reader.place(parts)

    def origin(self) -> Mapping[str, Any]:
        """See `Reader`."""
        return self._reader.origin()

    def refuse_empty(self, part: Part) -> None:
        """See `Reader`; that all of it was a subject's who was erased is no fault of it."""
        if not self._taken:
            self._reader.refuse_empty(part)

    def _without_erased(self, rows: Rows) -> Rows:
        """Return rows without those of subjects who were erased.

        It is asked before columns are hashed or dropped, and after: a subject may be known by a
        value that is dropped, and by a hash that was seen in the lake.
        """
        if not self._erased:
            return rows
        keep = without(self._erased, _numbers(self.request))

        def left(table: pa.Table) -> pa.Table:
            kept = keep(table)
            self._taken = self._taken or kept.num_rows < table.num_rows
            return kept

        return Rows(rows.schema, map(left, rows.tables))


def erased_of(request: Request) -> Subjects | None:
    """Return who may not come in from a source, None if nobody was erased from the product.

    Raises:
        UsageError: if there is no key to know them by.
        ContractError: if it is another one.
    """
    found, key = erasures_and_key(request.product.name)
    return Subjects(request.product.name, request.name, found, key) if found else None


def guarded(request: Request, rows: Rows) -> Rows:
    """Return rows without personal data: hashed columns are text, dropped ones are not there.

    Raises:
        ContractError: if there are rows without a column that has personal data, which may have
            another name now; or personal data of this product was hashed with another key.
        UsageError: if there is no key.
    """
    guard = guard_of(request)
    return Rows(guard(rows.schema.empty_table()).schema, map(guard, rows.tables))


def guard_of(request: Request) -> Callable[[pa.Table], pa.Table]:
    """Return what takes personal data from a piece of the rows of a source."""
    to_hash = [name for name, guard in request.source.pii.items() if guard == "hash"]
    dropped = [name for name, guard in request.source.pii.items() if guard == "drop"]
    key = pii_key(request.product.name) if to_hash else b""

    def guard(rows: pa.Table) -> pa.Table:
        if rows.num_rows:
            # without a row nobody may know what columns there are
            _refuse_unguarded(request, rows.column_names)
        rows = rows.drop_columns([name for name in dropped if name in rows.column_names])
        for place, name in enumerate(rows.column_names):
            if name in to_hash:
                rows = rows.set_column(place, name, hashed(rows.column(place), key))
        return rows

    return guard


def hashed(values: pa.ChunkedArray, key: bytes) -> pa.ChunkedArray:
    """Return the keyed hash of each value (HMAC-SHA256, RFC 2104) as text; null stays null.

    Made of the value as text, so that 7, 7.0 and "7" have one hash, and a column and another one
    that refers to it can be joined.
    """
    encoded = pc.dictionary_encode(texts_of(values).combine_chunks())
    names = [hashed_text(text, key) for text in encoded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(names, pa.string()).take(encoded.indices)])


def _numbers(request: Request) -> list[str]:
    """Return the columns that the lake has, or the spec declares, as numbers."""
    kinds = kinds_of(Lake(request.product.name).columns(raw(request.name)))
    standing = [
        n for n, kind in kinds.items() if pa.types.is_integer(kind) or pa.types.is_floating(kind)
    ]
    declared = [name for name, kind in request.source.types.items() if kind in ("integer", "float")]
    return [*standing, *declared]


def _refuse_unguarded(request: Request, columns: list[str]) -> None:
    absent = [name for name in request.source.pii if name not in columns]
    if absent and request.guards:
        raise ContractError(
            f"{request.where}: the source has no column {absent}, which sources.{request.name}.pii "
            f"guards; it has {len(columns)} others",
            remedy="if it has another name now, correct pii, or it would come in as it is; if it "
            "is gone for good, remove it there",
        )
