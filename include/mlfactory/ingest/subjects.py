"""Rows of subjects who were erased: found by comparing keyed hashes, whatever the rows are in."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.kinds import as_text
from mlfactory.lake.catalog import RESCUED
from mlfactory.lake.erased import Erasure, Form, Sought, digest_of, salt_of
from mlfactory.lake.hashes import row_hashes

Rows = npt.NDArray[np.bool_]

_LENGTH = 32
"""Hexadecimal digits of a hash that are kept: 128 bits, of which two never meet by chance."""

_WHOLE = 2.0**63
_MARK = (1 << 12) - 1
_NUMBER = r"^\+?(-?)0*(\d+)(?:\.0*)?$"


def hashed_text(text: str, key: bytes) -> str:
    """Return the keyed hash (HMAC-SHA256) that stands for a text in a column that is hashed."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:_LENGTH]


def texts_of(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as text; of whole floats, which gaps make of whole numbers, without a point."""
    if not pa.types.is_floating(values.type):
        return as_text(values)
    numbers = values.cast(pa.float64())
    whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), _WHOLE))
    digits = pc.cast(pc.if_else(whole, numbers, 0.0), pa.int64())
    return pc.if_else(whole, pc.cast(digits, pa.string()), as_text(numbers))


def sought(product: str, source: str, column: str, value: str, key: bytes) -> Sought:
    """Return what is sought where a column has a value: it as it is, hashed, or as a number.

    Args:
        source: see `Sought`.
        value: as text, blanks around it aside.
    """
    text = value.strip()
    number = re.sub(_NUMBER, r"\1\2", text) if re.match(_NUMBER, text) else None
    # what comes to be hashed is neither trimmed nor read
    plain = dict.fromkeys(
        [text, *(hashed_text(each, key) for each in {value, text, number or text})]
    )
    wanted = [(False, each) for each in plain] + ([(True, number)] if number is not None else [])
    marks = _marks(pa.array([each for _, each in wanted], pa.string()), salt_of(key))
    forms = tuple(
        Form(is_number, int(mark), digest_of(key, product, column, each))
        for (is_number, each), mark in zip(wanted, marks, strict=True)
    )
    return Sought(column, source, forms)


class Subjects:
    """Who was erased, as rows of a source, or of a table that is of none, are compared with them.

    Args:
        source: None for a table that is of no source.
    """

    def __init__(
        self, product: str, source: str | None, erased: Sequence[Erasure], key: bytes
    ) -> None:
        self._product, self._key, self._salt = product, key, salt_of(key)
        found = [each.sought_in(source) for each in erased]
        self._each = [sought for sought in found if sought]

    def __bool__(self) -> bool:
        return bool(self._each)

    def columns(self, there: Collection[str]) -> list[str]:
        """Return which of the columns that there are must be read to find rows; none if none can.

        Of several that name a subject all must be there.
        """
        wanted = [
            each.column
            for sought in self._each
            if all(one.column in there for one in sought)
            for each in sought
        ]
        rescued = [RESCUED] if wanted and RESCUED in there else []
        return list(dict.fromkeys([*wanted, *rescued]))

    def among(self, rows: pa.Table, numbers: Collection[str] = ()) -> Rows:
        """Return (rows,) which rows are of one of the subjects.

        Args:
            numbers: columns of text whose values are read as numbers later.
        """
        found = np.zeros(rows.num_rows, dtype=np.bool_)
        names = [name for name in self.columns(rows.column_names) if name != RESCUED]
        hits = {name: self._hits(rows, name, name in numbers) for name in names}
        for sought in self._each:
            if not all(each.column in hits for each in sought):
                continue
            places = [self._places(hits[each.column], each.forms) for each in sought]
            found[list(set.intersection(*places))] = True
        return found

    def in_records(self, records: Sequence[Mapping[str, Any]]) -> Rows:
        """Return (records,) which rows are of one of the subjects, given as JSON has them."""
        found = np.zeros(len(records), dtype=np.bool_)
        if not records:
            return found
        names = sorted({each.column for sought in self._each for each in sought})
        for kind in (str, (int, float)):
            # a number is compared with numbers; of another kind nothing is compared
            columns = {
                name: pa.array(
                    [_of_kind(record.get(name), kind) for record in records], pa.string()
                )
                for name in names
                if any(name in record for record in records)
            }
            if columns:
                table = pa.table(columns)
                found |= self.among(table, () if kind is str else names)
        return found

    def _hits(self, rows: pa.Table, name: str, as_number: bool) -> dict[str, set[int]]:
        """Return the rows of a column by the digests of values that are sought there."""
        column = rows.column(name)
        number = as_number or pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        texts = pc.utf8_trim_whitespace(texts_of(column))
        if number:
            texts = pc.replace_substring_regex(texts, _NUMBER, r"\1\2")
        forms = self._forms(name, number)
        found: dict[str, set[int]] = {}
        if forms:
            marks = list({form.mark for form in forms})
            array = texts.combine_chunks()
            array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
            alike = np.isin(_marks(array, self._salt), marks)
            alike &= pc.is_valid(array).to_numpy(zero_copy_only=False)
            self._compare(name, array, np.flatnonzero(alike), forms, found)
        if RESCUED in rows.column_names:
            self._rescued(rows.column(RESCUED), name, found)
        return found

    def _rescued(self, rescued: pa.ChunkedArray, name: str, found: dict[str, set[int]]) -> None:
        """Add rows whose cell could not be read, by its text."""
        at = np.flatnonzero(pc.is_valid(rescued).to_numpy())
        if not len(at):
            return
        cells = [json.loads(text).get(name) for text in rescued.take(pa.array(at)).to_pylist()]
        texts = pa.array(
            [None if cell is None else str(cell).strip() for cell in cells], pa.string()
        )
        known: dict[str, set[int]] = {}
        there = np.flatnonzero(pc.is_valid(texts).to_numpy(zero_copy_only=False))
        self._compare(name, texts, there, self._forms(name, False), known)
        for digest, places in known.items():
            found.setdefault(digest, set()).update(int(at[place]) for place in places)

    def _compare(
        self,
        name: str,
        texts: pa.Array,
        places: npt.NDArray[np.intp],
        forms: Collection[Form],
        found: dict[str, set[int]],
    ) -> None:
        wanted, known = {form.digest for form in forms}, dict[str, str]()
        for place, text in zip(
            places.tolist(), texts.take(pa.array(places)).to_pylist(), strict=True
        ):
            if text not in known:
                known[text] = digest_of(self._key, self._product, name, text)
            if known[text] in wanted:
                found.setdefault(known[text], set()).add(place)

    def _forms(self, name: str, number: bool) -> list[Form]:
        return [
            form
            for sought in self._each
            for each in sought
            if each.column == name
            for form in each.forms
            if form.number == number
        ]

    @staticmethod
    def _places(hits: Mapping[str, set[int]], forms: Sequence[Form]) -> set[int]:
        return set().union(*(hits.get(form.digest, ()) for form in forms))


def without(subjects: Subjects, numbers: Collection[str] = ()) -> Callable[[pa.Table], pa.Table]:
    """Return what takes the rows of subjects from a piece of rows."""

    def keep(rows: pa.Table) -> pa.Table:
        found = subjects.among(rows, numbers)
        return rows.filter(pa.array(~found)) if found.any() else rows

    return keep


def _marks(texts: pa.Array, salt: int) -> npt.NDArray[np.uint64]:
    return row_hashes(pa.table({"text": texts}), ["text"], salt) & np.uint64(_MARK)


def _of_kind(value: Any, kind: Any) -> str | None:
    if value is None or isinstance(value, bool) or not isinstance(value, kind):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)
