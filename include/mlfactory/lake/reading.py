"""Rows of a table batch by batch, in the order in which they lie; never a whole large partition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
from deltalake import DeltaTable

from mlfactory.lake import batches
from mlfactory.lake.catalog import PARTITION
from mlfactory.lake.delta import (
    KEY,
    as_in_table,
    files_gone,
    files_of,
    intact,
    is_plain,
    is_small,
    options_of,
    schema_of,
    told,
)
from mlfactory.lake.store import store_at

_PIECE = 65_536
"""Rows that are read from a file at once."""


def batches_of(
    delta: DeltaTable, address: str, partitions: Sequence[str] | None, columns: list[str] | None
) -> Iterator[pa.Table]:
    """Yield the rows of an opened table, at least one batch, if an empty one.

    Which rows these are is settled when this is called: what is written meanwhile is not seen.

    Raises:
        IntegrityError: the files of that version are gone or damaged, told while it goes.
    """
    files = files_of(delta, partitions)
    pieces = _pieces(delta, address, partitions, files, schema_of(delta, columns))
    return batches.rebatched(pieces)


def marks_of(
    delta: DeltaTable, address: str, column: str, partitions: Sequence[str] | None
) -> dict[str, dict[str, int]]:
    """Return how many rows of each partition have which value of a column of text.

    Rows without a value count under the empty one, as do all rows where there is no such column.
    """
    schema = schema_of(delta, None)
    has, plain = column in schema.names, is_plain(delta)
    found: dict[str, dict[str, int]] = {}

    def count(key: str, mark: str | None, rows: int) -> None:
        of_key = found.setdefault(key, {})
        of_key[mark or ""] = of_key.get(mark or "", 0) + rows

    files = files_of(delta, partitions)
    untold = []
    for file in files.to_pylist():
        rows, marks = file.get("num_records"), _only(file, column) if has else ""
        untold.append(not plain or rows is None or marks is None)
        if not untold[-1]:
            count(file[KEY], marks, rows)
    files = files.filter(pa.array(untold, pa.bool_()))
    read = schema_of(delta, [column, PARTITION]) if has else schema_of(delta, [PARTITION])
    for piece in _pieces(delta, address, partitions, files, read):
        for one in piece.group_by(read.names).aggregate([([], "count_all")]).to_pylist():
            count(one[PARTITION], one.get(column), one["count_all"])
    return found


def _only(file: dict[str, Any], column: str) -> str | None:
    """Return the value that all rows of a file have, as the log tells; None where it does not."""
    least, most = file.get(f"min.{column}"), file.get(f"max.{column}")
    return least if least == most and file.get(f"null_count.{column}") == 0 else None


def _pieces(
    delta: DeltaTable,
    address: str,
    partitions: Sequence[str] | None,
    files: pa.Table,
    schema: pa.Schema,
) -> Iterator[pa.Table]:
    """Yield the rows of files in pieces, the first of which has none."""
    version = delta.version()
    if is_plain(delta):
        pieces = _of_files(address, version, files, schema, _whole(address, files))
    else:
        pieces = _of_library(delta, partitions, schema)
    return _told(address, version, schema, pieces)


def _whole(address: str, files: pa.Table) -> dict[str, bytes] | None:
    """Return the content of files where all are fetched at once; None where each is read in parts.

    What is removed meanwhile cannot be missed then.
    """
    if not is_small(files):
        return None
    return store_at(address).read_many([unquote(path) for path in files["path"].to_pylist()])


def _of_files(
    address: str,
    version: int,
    files: pa.Table,
    schema: pa.Schema,
    contents: dict[str, bytes] | None,
) -> Iterator[pa.Table]:
    reached = None if contents is not None else _reached(address, files)
    for path, key in zip(files["path"].to_pylist(), files[KEY].to_pylist(), strict=True):
        name = unquote(path)
        if reached is not None:
            source: Any = reached.open_input_file(name)
        elif contents is not None and name in contents:
            source = pa.BufferReader(contents.pop(name))
        else:
            raise files_gone(address, version)
        with closing(source), pq.ParquetFile(source) as file:
            own = set(file.schema_arrow.names)
            there = [name for name in schema.names if name in own]
            for piece in file.iter_batches(min(_PIECE, batches.BATCH), columns=there):
                found = pa.Table.from_batches([piece])
                yield as_in_table(found, piece.num_rows, schema, key)


def _reached(address: str, files: pa.Table) -> pyarrow.fs.FileSystem:
    """Return the way to the files of a table, of which parts are read, in a folder or on S3."""
    from deltalake.fs import DeltaStorageHandler  # only large partitions wait for it

    sizes = zip(files["path"].to_pylist(), files["size_bytes"].to_pylist(), strict=True)
    known = {unquote(path): size for path, size in sizes}
    return pyarrow.fs.PyFileSystem(
        DeltaStorageHandler(address, options=options_of(address), known_sizes=known)
    )


def _of_library(
    delta: DeltaTable, partitions: Sequence[str] | None, schema: pa.Schema
) -> Iterator[pa.Table]:
    """Yield rows as the library knows them, of a table that another tool has changed."""
    chosen = [(PARTITION, "in", list(partitions))] if partitions is not None else None
    for piece in delta.to_pyarrow_dataset(partitions=chosen).to_batches(
        columns=schema.names, batch_size=_PIECE, batch_readahead=1, fragment_readahead=1
    ):
        yield pa.Table.from_batches([piece])


def _told(
    address: str, version: int, schema: pa.Schema, pieces: Iterator[pa.Table]
) -> Iterator[pa.Table]:
    """Yield pieces, and raise what goes wrong with the files as an error of the lake."""
    yield schema.empty_table()
    while True:
        try:
            with told(address), intact(address):
                piece = next(pieces, None)
        except FileNotFoundError as error:
            raise files_gone(address, version) from error
        if piece is None:
            return
        yield piece
