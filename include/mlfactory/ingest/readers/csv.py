"""CSV: text in columns, plain or packed, read a piece at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.csv

from mlfactory.ingest.opening import explained, opened
from mlfactory.ingest.readers.base import Part, Rows
from mlfactory.ingest.readers.files import TextFileReader
from mlfactory.ingest.request import Request
from mlfactory.product.errors import ContractError
from mlfactory.product.sources import CsvSource

_PIECE = 16 << 20
"""Bytes of a CSV that are held at once, about 170,000 rows of flights."""


class CsvReader(TextFileReader[CsvSource]):
    """CSV files. Their cells are text here: what type they are is decided when they are landed."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.no_rows = "has no rows" if self.source.header else "has a header and no rows"

    @contextmanager
    def opened(self, part: Part) -> Iterator[Rows]:
        """Give the rows of a file; see `Reader`."""
        source, request = self.source, self.request
        with self.unchanged(part) as file:
            with explained(request, part.name), opened(request, file) as stream:
                header = list(source.header) if source.header else header_of(stream, source)
            if not header:
                raise ContractError(
                    f"{request.where}: {part.name} is empty",
                    remedy="ask for the file again; it needs a header and a row for each event",
                )
            names = [name or f"column_{place}" for place, name in enumerate(header)]
            self.check(names, part)
            schema = pa.schema([(name, pa.string()) for name in names])
            with (
                explained(request, part.name),
                opened(request, file) as stream,
                closing(_ahead(pieces_of(stream, source, header))) as pieces,
            ):
                yield Rows(
                    schema,
                    (pa.Table.from_batches([piece]).rename_columns(names) for piece in pieces),
                )


def _ahead(pieces: Iterator[pa.RecordBatch]) -> Generator[pa.RecordBatch, None, None]:
    """Yield pieces, the next of which is read on another core meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="csv") as other:
        coming = other.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = other.submit(next, pieces, None)
            yield piece


def pieces_of(stream: Any, source: CsvSource, header: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a CSV, all of whose cells are text, a piece at a time."""
    try:
        # one thread, so that an error can name its row
        yield from pyarrow.csv.open_csv(
            stream,
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=_PIECE,
                encoding=source.encoding,
                column_names=list(header) if source.header else None,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=source.delimiter, newlines_in_values=True
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                # other words mean no value only where the column turns out to be no text
                null_values=["", *source.missing],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" not in str(error):
            raise


def header_of(stream: Any, source: CsvSource) -> list[str]:
    """Return the names in the first line of a CSV; none of an empty one."""
    # Excel puts a byte order mark in front of UTF-8
    encoding = "utf-8-sig" if source.encoding.lower() in ("utf-8", "utf8") else source.encoding
    lines = csv.reader(
        io.TextIOWrapper(stream, encoding=encoding, newline=""), delimiter=source.delimiter
    )
    return next((line for line in lines if line), [])
