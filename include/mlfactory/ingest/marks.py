"""Marks: what tells whether a file's rows of a partition are those that they were before.

A file that grows, or that is written anew with one row corrected, is another file; most of its
partitions are what they were. Each has a mark, made while the file is read and of its cells alone:
where in the file rows lie, and how it was cut as it was read, do not count; their order does. Nor
does a column without a value in the partition: it may have come with rows of another one.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_STREAMS = 2
"""Of a column: how long each cell is, or whether it has a value; and the bytes of them all."""

_Stream = tuple[memoryview, list[int]]
"""Bytes of the cells of a column, and where those of each partition begin and end."""


class Marks:
    """How many rows each partition has so far, and what its cells are.

    Checksums can be gone on with, so a partition costs a few numbers however its rows come. Thirty
    two bits of each column's cells and of their lengths are for accidents, not for forgers.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.rows: Counter[int] = Counter()
        self._names = list(schema.names)
        self._told = [f"{each.name}\t{each.type}\n".encode() for each in schema]
        self._sums: dict[int, array[int]] = {}
        self._filled: dict[int, bytearray] = {}

    def take(self, table: pa.Table, places: npt.NDArray[np.int64]) -> None:
        """Go on with rows, which follow those before them: `places` are their partitions, sorted.

        The table may have columns beside those of the schema, which do not count.
        """
        if not len(places):
            return
        edges = np.array([0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), len(places)])
        these = places[edges[:-1]].tolist()
        for place, count in zip(these, np.diff(edges).tolist(), strict=True):
            self.rows[place] += count
        sums, filled = [self._sums_of(place) for place in these], [*map(self._filled.get, these)]
        for number, name in enumerate(self._names):
            cells = _one(table.column(name))
            valid = _valid(cells)
            for has, of_place in zip(
                np.logical_or.reduceat(valid, edges[:-1]).tolist(), filled, strict=True
            ):
                if has and of_place is not None:
                    of_place[number] = 1
            for at, (content, ends) in enumerate(_streams(cells, valid, edges), _STREAMS * number):
                for place, of_column in enumerate(sums):
                    piece = content[ends[place] : ends[place + 1]]
                    of_column[at] = zlib.crc32(piece, of_column[at])

    def of_each(self) -> dict[int, str]:
        """Return the mark of each partition."""
        found = {}
        for place, sums in self._sums.items():
            mark = hashlib.blake2b(digest_size=8)
            for number in (number for number, has in enumerate(self._filled[place]) if has):
                mark.update(self._told[number])
                mark.update(sums[_STREAMS * number : _STREAMS * (number + 1)].tobytes())
            found[place] = f"{self.rows[place]}-{mark.hexdigest()}"
        return found

    def _sums_of(self, place: int) -> array[int]:
        if place not in self._sums:
            self._sums[place] = array("I", bytes(4 * _STREAMS * len(self._names)))
            self._filled[place] = bytearray(len(self._names))
        return self._sums[place]


def _one(column: pa.ChunkedArray) -> pa.Array:
    chunks = column.chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def _valid(cells: pa.Array) -> npt.NDArray[np.bool_]:
    if not cells.null_count:
        return np.ones(len(cells), bool)
    return np.asarray(cells.is_valid().to_numpy(zero_copy_only=False), dtype=bool)


def _streams(
    cells: pa.Array, valid: npt.NDArray[np.bool_], edges: npt.NDArray[np.int64]
) -> Iterator[_Stream]:
    """Yield what cells are made of; that of two pieces is that of both, one after the other."""
    kind = cells.type
    if pa.types.is_null(kind):
        yield from ()
    elif pa.types.is_boolean(kind):
        yield from _fixed(cells.fill_null(False).cast(pa.uint8()), 1, valid, edges)
    elif pa.types.is_primitive(kind) or pa.types.is_decimal(kind):
        yield from _fixed(cells, kind.bit_width // 8, valid, edges)
    else:
        yield from _long(_as_text(cells), valid, edges)


def _as_text(cells: pa.Array) -> pa.Array:
    kind = cells.type
    if not (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    ):
        if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
            cells = cells.cast(pa.large_binary())
        else:  # lists, structs, dictionaries: rare, and seldom long
            cells = pa.array([repr(cell) for cell in cells.to_pylist()], pa.large_string())
    # a cell without a value may have bytes that nobody wrote
    return cells.fill_null(b"" if pa.types.is_large_binary(cells.type) else "")


def _fixed(
    cells: pa.Array, width: int, valid: npt.NDArray[np.bool_], edges: npt.NDArray[np.int64]
) -> Iterator[_Stream]:
    yield valid.view(np.uint8).data, edges.tolist()
    values = np.frombuffer(cells.buffers()[1], np.uint8)
    values = values[cells.offset * width : (cells.offset + len(cells)) * width]
    if not valid.all():
        values = values.reshape(-1, width) * valid[:, None]
    yield np.ascontiguousarray(values).reshape(-1).data, (edges * width).tolist()


def _long(
    cells: pa.Array, valid: npt.NDArray[np.bool_], edges: npt.NDArray[np.int64]
) -> Iterator[_Stream]:
    large = pa.types.is_large_string(cells.type) or pa.types.is_large_binary(cells.type)
    _, offsets, content = cells.buffers()
    ends = np.frombuffer(offsets, np.int64 if large else np.int32)
    ends = ends[cells.offset : cells.offset + len(cells) + 1]
    lengths = np.where(valid, np.diff(ends), -1).astype(np.int64)
    yield lengths.view(np.uint8).data, (edges * lengths.itemsize).tolist()
    yield memoryview(content if content is not None else b""), ends[edges].tolist()
