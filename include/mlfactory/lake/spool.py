"""Values spooled to disk by their hash: equal ones meet in one part, which is small enough to hold.

All parts are in one file, piece after piece, which has no name and is gone when the process is.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import IO, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlfactory.lake.hashes import row_hashes
from mlfactory.product.errors import DiskFullError, is_disk_full
from mlfactory.settings import settings

PLACE = "_mlfactory_place"
"""Column of what is read back: the row's place in its partition."""

CHUNK = 1 << 19
"""Rows that are read back at once; read where it is used, so that a test can make it small."""

_BITS = 6
"""Of a hash, which tell the part: 64 parts."""

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class Spool:
    """The values of some columns, row after row; a context that gives its disk space back.

    Args:
        columns: whose values together are what is looked for.
        beside: columns that are kept with them.
    """

    def __init__(self, columns: Sequence[str], beside: Sequence[str] = ()) -> None:
        self.columns = list(columns)
        self._kept = list(dict.fromkeys([*columns, *beside]))
        self._file: IO[bytes] | None = None
        self._end = 0
        # of each part, where its pieces begin and how long they are
        self._pieces: list[list[tuple[int, int]]] = [[] for _ in range(2**_BITS)]

    def add(self, rows: pa.Table, places: npt.NDArray[np.int64]) -> None:
        """Spool rows, which have the columns, with the place of each.

        Raises:
            DiskFullError: there is no room for them.
        """
        if not len(places):
            return
        parts = self._parts_of(rows, places)
        order = np.argsort(parts, kind="stable")
        ends = np.searchsorted(parts[order], np.arange(2**_BITS + 1, dtype=np.uint64))
        spooled = rows.select(self._kept).append_column(PLACE, pa.array(places)).take(order)
        with _told():
            file = self._opened()
            for part in np.flatnonzero(np.diff(ends)):
                piece = _written(spooled.slice(ends[part], ends[part + 1] - ends[part]))
                file.write(piece)
                self._pieces[part].append((self._end, piece.size))
                self._end += piece.size
            # what is still in memory would find the disk full when nobody listens
            file.flush()

    def _parts_of(self, rows: pa.Table, places: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        # lists and structs have no hash: where there is nothing else, all rows are of one part
        hashed = [each for each in self.columns if not pa.types.is_nested(rows.field(each).type)]
        return row_hashes(rows, hashed) >> np.uint64(64 - _BITS)

    def parts(self) -> Iterator[Iterator[pa.Table]]:
        """Yield each part as tables of its rows; equal values are in one part."""
        if self._file is not None:
            for pieces in self._pieces:
                yield _read(self._file, pieces)

    def _part(self, number: int) -> Iterator[pa.Table]:
        return iter(()) if self._file is None else _read(self._file, self._pieces[number])

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            folder = settings().spool_folder
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(prefix="mlfactory-", dir=folder)  # noqa: SIM115 - __exit__ closes it
        return self._file

    def __enter__(self) -> Self:
        """Return the spool."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the space back."""
        if self._file is not None:
            # a full disk was told when it was met; closing tries once more to write there
            with suppress(OSError):
                self._file.close()


class PlaceSpool(Spool):
    """Values that are found again by the places of their rows.

    Args:
        count: how many rows there are, of which some have a value.
    """

    def __init__(self, column: str, count: int) -> None:
        super().__init__([column])
        self._count = max(count, 1)

    def within(self, start: int, stop: int) -> Iterator[pa.Table]:
        """Yield values of the places from `start` up to `stop`, in no order, and few others."""
        if stop > start:
            for number in range(self._part_at(start), self._part_at(stop - 1) + 1):
                yield from self._part(number)

    def _part_at(self, place: int) -> int:
        return int(place * 2**_BITS // self._count)

    def _parts_of(self, rows: pa.Table, places: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        parts: npt.NDArray[np.uint64] = (places * 2**_BITS // self._count).astype(np.uint64)
        return parts


def _written(rows: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=_OPTIONS) as writer:
        writer.write_table(rows)
    return sink.getvalue()


def _read(file: IO[bytes], pieces: Sequence[tuple[int, int]]) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    rows = 0
    for start, size in pieces:
        for batch in pa.ipc.open_stream(os.pread(file.fileno(), size, start)):
            held.append(batch)
            rows += batch.num_rows
            if rows >= CHUNK:
                yield pa.Table.from_batches(held)
                held, rows = [], 0
    if held:
        yield pa.Table.from_batches(held)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(str(settings().spool_folder)) from error
        raise
