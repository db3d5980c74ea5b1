"""Cells that could not be read in their column's type: which rows have some, and what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from mlfactory.lake.marks import Marks
from mlfactory.product.sources import ColumnType

_EXPECTED = {
    "double": "a number",
    "int64": "a whole number",
    "bool": "true or false",
    "timestamp[us, tz=UTC]": "a time",
}
_BLOCK = 1 << 20
"""Bytes of text that are parsed at once, at least."""

_FEW = 1000


@dataclass(frozen=True)
class Unread:
    """The cells of a column that cannot be read in its type.

    Attributes:
        expected: what its type asks for.
        readable_as: the type, as product.yaml has it, in which all of them could be read.
    """

    column: str
    cells: int
    example: str
    expected: str
    readable_as: ColumnType

    def __str__(self) -> str:
        return (
            f"{self.cells:,} cells of '{self.column}' cannot be read as {self.expected}, "
            f"such as {self.example!r}"
        )


@dataclass
class _Column:
    first: int
    example: str
    are_numbers: bool = True
    marks: Marks = field(default_factory=Marks)


class UnreadCells:
    """The unreadable cells of a source, gathered batch by batch.

    Args:
        kinds: the types of the columns.

    Attributes:
        rows: those that have one.
    """

    def __init__(self, kinds: Mapping[str, pa.DataType]) -> None:
        self.rows = Marks()
        self._kinds = kinds
        self._columns: dict[str, _Column] = {}

    def look(self, rescued: pa.ChunkedArray, start: int) -> None:
        """Look at a batch.

        Args:
            rescued: of each row, the JSON of the cells that could not be read, or null.
            start: the place of its first row.
        """
        given = rescued.combine_chunks()
        places = np.flatnonzero(given.is_valid().to_numpy(zero_copy_only=False)) + start
        if not len(places):
            return
        self.rows.add(places)
        for name, texts in _parsed(given.drop_null(), list(self._kinds)).items():
            there = texts.is_valid().to_numpy(zero_copy_only=False)
            own, said = places[there], texts.drop_null()
            known = self._columns.setdefault(name, _Column(int(own[0]), str(said[0])))
            known.marks.add(own)
            # mostly the first few tell already that not all of them are
            few = known.are_numbers and _are_numbers(said[:_FEW].to_pandas())
            known.are_numbers = few and _are_numbers(said.to_pandas())

    def told(self, but: str | None = None) -> tuple[Unread, ...]:
        """Return the columns with such cells, those with most of them first.

        Args:
            but: a column to leave out.
        """
        found = [
            (
                -len(each.marks),
                each.first,
                Unread(
                    name,
                    len(each.marks),
                    each.example,
                    expected(self._kinds[name]),
                    "float" if each.are_numbers else "string",
                ),
            )
            for name, each in self._columns.items()
            if name != but
        ]
        return tuple(unread for *_, unread in sorted(found, key=lambda each: each[:2]))

    def by_column(self) -> dict[str, Marks]:
        """Return the rows that have such a cell, by its column."""
        return {name: each.marks for name, each in self._columns.items()}


def note_refused(refused: pa.ChunkedArray, start: int, found: dict[str, Marks]) -> None:
    """Mark the rows of a batch that cleaning has something against, by what that is.

    Args:
        refused: of each row, the JSON of that, or null.
        start: the place of the batch's first row.
    """
    given = refused.combine_chunks()
    places = np.flatnonzero(given.is_valid().to_numpy(zero_copy_only=False)) + start
    said: dict[str, list[int]] = {}
    for place, noted in zip(places.tolist(), given.drop_null().to_pylist(), strict=True):
        for kind, _ in json.loads(noted):
            said.setdefault(kind, []).append(place)
    for kind, own in said.items():
        found.setdefault(kind, Marks()).add(np.array(own, dtype=np.int64))


def expected(kind: pa.DataType) -> str:
    """Return what a type asks for, in words."""
    return _EXPECTED.get(str(kind), str(kind))


def _parsed(texts: pa.Array, names: Sequence[str]) -> dict[str, pa.Array]:
    """Return the columns that JSON objects, one a row, have a value in."""
    try:
        # a column costs as much where it is absent: mostly the first rows name all that are there
        first = _columns(_read(texts[:_FEW], names))
        found = _read(texts, list(first), others="error")
    except pa.ArrowInvalid:
        found = _read_slowly(texts, names)
    return _columns(found)


def _read_slowly(texts: pa.Array, names: Sequence[str]) -> pa.Table:
    try:
        return _read(texts, names)
    except pa.ArrowInvalid:
        # half a letter, of those that take two, is JSON and no text of Arrow's
        found = [json.loads(text) for text in texts.to_pylist()]
        safe = [
            {name: str(text).encode(errors="replace").decode() for name, text in row.items()}
            for row in found
        ]
        return pa.Table.from_pylist(safe, schema=_schema(names))


def _read(texts: pa.Array, names: Sequence[str], others: str = "ignore") -> pa.Table:
    """Return the columns of some names; see Arrow for what is done about other ones.

    Raises:
        pa.ArrowInvalid: there is another one where that is an error, or text that is not Arrow's.
    """
    longest = int(pc.max(pc.binary_length(texts)).as_py())
    # one text after another in Arrow's memory, without an object of Python for each row
    large = pa.large_string()
    empty, end = pa.scalar("", large), pa.scalar("\n", large)
    lines = pc.binary_join_element_wise(texts.cast(large), empty, end).buffers()[2]
    return arrow_json.read_json(
        pa.BufferReader(lines),
        arrow_json.ReadOptions(block_size=max(_BLOCK, 2 * longest)),
        arrow_json.ParseOptions(explicit_schema=_schema(names), unexpected_field_behavior=others),
    )


def _schema(names: Sequence[str]) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in names])


def _columns(found: pa.Table) -> dict[str, pa.Array]:
    """Return the columns that have a value."""
    columns = {name: found.column(name).combine_chunks() for name in found.column_names}
    return {name: column for name, column in columns.items() if column.null_count < len(column)}


def _are_numbers(texts: pd.Series) -> bool:
    """Tell whether texts are numbers; with leading zeros they are codes."""
    numbers = pd.to_numeric(texts, errors="coerce").notna()
    return bool(numbers.all()) and not bool(texts.str.match(r"\s*[+-]?0\d").any())
