"""Rows that are kept while their source is read: in memory up to a batch, beyond that on disk.

The file has no name, so that it is gone with the process, whatever becomes of that.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import IO, Any

import pyarrow as pa
import pyarrow.ipc

from mlfactory.lake import batches
from mlfactory.lake.batches import Batched, rebatched
from mlfactory.product.errors import DiskFullError, is_disk_full
from mlfactory.settings import settings

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")

_PIECE = 65_536
"""Rows that are read back at once."""


class Spool:
    """Tables of one schema, in the order in which they were added.

    Attributes:
        rows: how many there are.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema.remove_metadata()
        self.rows = 0
        self._held: list[pa.Table] = []
        self._bytes = self._count = 0
        self._file: IO[bytes] | None = None
        self._writer: Any = None

    def add(self, table: pa.Table) -> None:
        """Keep the rows of a table.

        Raises:
            DiskFullError: there is no room for them.
        """
        self.rows += table.num_rows
        self._bytes += table.nbytes
        self._count += table.num_rows
        self._held.append(table)
        if self._count > batches.BATCH or self._bytes > batches.BATCH_BYTES:
            self._spill()

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield the rows; none may be added any more."""
        if self._file is not None and self._held:
            self._spill()
        if self._file is None:
            yield from self._held
            return
        for batch in pa.ipc.open_stream(_reader(self._file)):
            yield pa.Table.from_batches([batch])

    def changed(self, change: Callable[[pa.Table], pa.Table], count: int) -> pa.Table | Batched:
        """Return what `change` leaves of the rows: a table where they are in memory.

        Args:
            count: how many that are in all.
        """
        empty = change(self.schema.empty_table())
        if self._file is not None:
            return Batched(empty.schema, count, lambda: rebatched(map(change, self)))
        return pa.concat_tables([empty, *map(change, self._held)]).combine_chunks()

    def _spill(self) -> None:
        try:
            if self._file is None:
                self._file = _nameless()
                self._writer = pa.ipc.new_stream(self._file, self.schema, options=_OPTIONS)
            for table in self._held:
                plain = table.replace_schema_metadata(None)
                self._writer.write_table(plain, _piece())
            self._file.flush()
        except OSError as error:
            if is_disk_full(error):
                raise DiskFullError(str(settings().spool_folder)) from error
            raise
        self._held, self._bytes, self._count = [], 0, 0


class MixedSpool:
    """Tables of any schemas, in the order in which they were added.

    However often the schema changes, they are in one file, and what is in memory is counted over
    all of them.

    Args:
        most: bytes that are kept in memory; a batch by default.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._held: list[pa.Table] = []
        self._bytes = self._count = 0
        self._file: IO[bytes] | None = None
        self._starts: list[int] = []

    def add(self, table: pa.Table) -> None:
        """Keep the rows of a table.

        Raises:
            DiskFullError: there is no room for them.
        """
        self._bytes += table.nbytes
        self._count += table.num_rows
        self._held.append(table)
        most = batches.BATCH_BYTES if self._most is None else self._most
        if self._count > batches.BATCH or self._bytes > most:
            self._spill()

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield the rows, each in the schema in which it was added."""
        if self._file is not None:
            for start in self._starts:
                for batch in pa.ipc.open_stream(_reader(self._file, start)):
                    yield pa.Table.from_batches([batch])
        yield from self._held

    def _spill(self) -> None:
        """Write what is held, each run of tables of one schema as a stream of its own."""
        try:
            if self._file is None:
                self._file = _nameless()
            for schema, tables in groupby(self._held, lambda table: table.schema):
                self._starts.append(self._file.tell())
                plain = schema.remove_metadata()
                with pa.ipc.new_stream(self._file, plain, options=_OPTIONS) as writer:
                    for table in tables:
                        writer.write_table(table.replace_schema_metadata(None), _piece())
            self._file.flush()
        except OSError as error:
            if is_disk_full(error):
                raise DiskFullError(str(settings().spool_folder)) from error
            raise
        self._held, self._bytes, self._count = [], 0, 0


def _piece() -> int:
    return min(_PIECE, batches.BATCH)


def _nameless() -> IO[bytes]:
    folder = settings().spool_folder
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryFile(dir=folder)


class _Places(io.RawIOBase):
    """What is in an open file, from a place in it; several can be read at once."""

    def __init__(self, file: IO[bytes], start: int) -> None:
        self._file = file
        self._at = start

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        found = os.pread(self._file.fileno(), len(into), self._at)
        into[: len(found)] = found
        self._at += len(found)
        return len(found)


def _reader(file: IO[bytes], start: int = 0) -> io.BufferedReader:
    return io.BufferedReader(_Places(file, start), 1 << 20)
