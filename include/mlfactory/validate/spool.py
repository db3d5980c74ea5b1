"""Values spooled to disk by their hash: equal ones meet in one part, which is small enough to hold.

The parts are files without a name, which are gone when the process is, however it ends.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import IO, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlfactory.lake.hashes import row_hashes
from mlfactory.product.errors import DiskFullError, is_disk_full

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
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = list(columns)
        self._open = ExitStack()
        self._files: list[IO[bytes]] = []
        self._writers: list[pa.ipc.RecordBatchStreamWriter] = []

    def add(self, rows: pa.Table, places: npt.NDArray[np.int64]) -> None:
        """Spool rows, which have the columns, with the place of each."""
        if not len(places):
            return
        parts = row_hashes(rows, self.columns) >> np.uint64(64 - _BITS)
        order = np.argsort(parts, kind="stable")
        ends = np.searchsorted(parts[order], np.arange(2**_BITS + 1, dtype=np.uint64))
        spooled = rows.select(self.columns).append_column(PLACE, pa.array(places)).take(order)
        with _told():
            self._begin(spooled.schema)
            for part in np.flatnonzero(np.diff(ends)):
                self._writers[part].write_table(
                    spooled.slice(ends[part], ends[part + 1] - ends[part])
                )

    def parts(self) -> Iterator[Iterator[pa.Table]]:
        """Yield each part as tables of its rows; equal values are in one part. No more is added."""
        with _told():
            for writer in self._writers:
                writer.close()
        for file in self._files:
            file.seek(0)
            yield _read(file)

    def _begin(self, schema: pa.Schema) -> None:
        if self._files:
            return
        for _ in range(2**_BITS):
            file = self._open.enter_context(tempfile.TemporaryFile(prefix="mlfactory-"))  # noqa: SIM115 - the stack closes it
            self._files.append(file)
            self._writers.append(pa.ipc.new_stream(file, schema, options=_OPTIONS))

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
        self._open.close()


def _read(file: IO[bytes]) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in pa.ipc.open_stream(file):
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
            raise DiskFullError(tempfile.gettempdir()) from error
        raise
