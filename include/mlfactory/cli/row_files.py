"""Files of rows for people and their tools, written as the rows come."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mlfactory.product.errors import UsageError


def write_rows(rows: Iterable[pa.Table], out: Path) -> int:
    """Write rows to a .csv or .parquet file, whole or not at all, and return how many they are.

    No more than one of the tables is held.

    Raises:
        UsageError: if the file's name ends otherwise, or it cannot be written.
    """
    if out.suffix not in (".csv", ".parquet"):
        raise UsageError(
            f"{out} is neither .csv nor .parquet", remedy="name a file that ends in one of these"
        )
    try:
        handle, name = tempfile.mkstemp(prefix=".", suffix=out.suffix, dir=out.parent)
        os.close(handle)
        try:
            count = _write_all(rows, Path(name))
            Path(name).replace(out)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written: {error.strerror or error}",
            remedy="name another place, or make room there",
        ) from error
    return count


def _write_all(rows: Iterable[pa.Table], file: Path) -> int:
    count, writer = 0, None
    try:
        for batch in rows:
            table = _plain(batch) if file.suffix == ".csv" else batch
            writer = writer or _opened(file, table.schema)
            writer.write_table(table)
            count += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    return count


def _opened(file: Path, schema: pa.Schema) -> Any:
    if file.suffix == ".csv":
        return pyarrow.csv.CSVWriter(str(file), schema)
    return pyarrow.parquet.ParquetWriter(str(file), schema)


def _plain(rows: pa.Table) -> pa.Table:
    """Return rows without lists and structs, which a CSV has no way to hold: as JSON."""
    for place, column in enumerate(rows.schema):
        if pa.types.is_nested(column.type):
            cells = rows.column(place).to_pylist()
            texts = [None if cell is None else json.dumps(cell, default=str) for cell in cells]
            rows = rows.set_column(place, column.name, pa.array(texts, pa.string()))
    return rows
