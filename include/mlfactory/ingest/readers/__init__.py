"""Readers: one small class for each kind of source, behind one interface (`base`).

A kind is its model in `mlfactory.product.sources`, its class here, and its line in the table below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlfactory.ingest.readers.base import Part, Reader, Rows
from mlfactory.ingest.readers.csv import CsvReader
from mlfactory.ingest.readers.door import Guarded, erased_of
from mlfactory.ingest.readers.function import FunctionReader
from mlfactory.ingest.readers.http import HttpReader
from mlfactory.ingest.readers.jsonl import JsonlReader
from mlfactory.ingest.readers.own import OwnReader
from mlfactory.ingest.readers.parquet import ParquetReader
from mlfactory.ingest.readers.sql import SqlReader
from mlfactory.ingest.request import Request

__all__ = ["Part", "Reader", "Rows", "reader_of"]

_READERS: Mapping[str, type[Reader[Any]]] = {
    "csv": CsvReader,
    "http": HttpReader,
    "jsonl": JsonlReader,
    "own": OwnReader,
    "parquet": ParquetReader,
    "python": FunctionReader,
    "sql": SqlReader,
}
"""By the `kind` of a source. What one kind alone needs is imported where it is used."""


def reader_of(request: Request) -> Reader[Any]:
    """Return the reader for a request's source.

    Neither personal data nor the rows of subjects who were erased come through it.
    """
    reader, erased = _READERS[request.source.kind](request), erased_of(request)
    return Guarded(reader, erased) if request.source.pii or erased else reader
