"""The door: what no row takes with it on its way in, whatever kind its source is.

Columns that the spec calls personal are hashed or dropped piece by piece as they are read, before
anything is kept, counted or shown. Only what a reader must put aside to read it at all, such as all
pages of an answer, lies for that long in a file without a name, which is gone with the process.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.kinds import as_text
from mlfactory.ingest.readers.base import Part, Reader, Rows
from mlfactory.ingest.request import Request
from mlfactory.lake.pii_key import pii_key
from mlfactory.product.errors import ContractError

_LENGTH = 32
"""Hexadecimal digits of a hash that are kept: 128 bits, of which two never meet by chance."""

_WHOLE = 2.0**63


class Guarded(Reader[Any]):
    """A reader whose rows come through the door."""

    def __init__(self, reader: Reader[Any]) -> None:
        super().__init__(reader.request)
        self._reader = reader
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
            yield guarded(self.request, rows)

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
        """See `Reader`."""
        self._reader.refuse_empty(part)


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
    encoded = pc.dictionary_encode(_texts(values).combine_chunks())
    names = pa.array(list(_hashes(encoded.dictionary, key)), pa.string())
    return pa.chunked_array([names.take(encoded.indices)])


def _texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as text; of whole floats, which gaps make of whole numbers, without a point."""
    if not pa.types.is_floating(values.type):
        return as_text(values)
    numbers = values.cast(pa.float64())
    whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), _WHOLE))
    digits = pc.cast(pc.if_else(whole, numbers, 0.0), pa.int64())
    return pc.if_else(whole, pc.cast(digits, pa.string()), as_text(numbers))


def _hashes(texts: pa.Array, key: bytes) -> Iterator[str]:
    for text in texts.to_pylist():
        yield hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:_LENGTH]


def _refuse_unguarded(request: Request, columns: list[str]) -> None:
    absent = [name for name in request.source.pii if name not in columns]
    if absent and request.guards:
        raise ContractError(
            f"{request.where}: the source has no column {absent}, which sources.{request.name}.pii "
            f"guards; it has {len(columns)} others",
            remedy="if it has another name now, correct pii, or it would come in as it is; if it "
            "is gone for good, remove it there",
        )
