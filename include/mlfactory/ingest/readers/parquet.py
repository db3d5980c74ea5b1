"""Parquet: a file, or a folder of them, of which no more is read than may be of the partition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.dataset

from mlfactory.ingest.kinds import plain_schema
from mlfactory.ingest.opening import explained
from mlfactory.ingest.origin import Listing
from mlfactory.ingest.readers.base import Part, Rows
from mlfactory.ingest.readers.files import FileReader
from mlfactory.product.errors import LateSourceError
from mlfactory.product.sources import ParquetSource

_AHEAD = {"batch_readahead": 1, "fragment_readahead": 1}
"""How much of a dataset is read before it is asked for."""


class ParquetReader(FileReader[ParquetSource]):
    """Parquet files."""

    @contextmanager
    def opened(self, part: Part) -> Iterator[Rows]:
        """Give the rows of a file or folder; see `Reader`."""
        with self.dataset(part) as rows:
            yield Rows(rows.schema, tables_of(rows))

    @contextmanager
    def dataset(self, part: Part) -> Iterator[Any]:
        """Give a file or folder as a dataset of Arrow."""
        with self.unchanged(part) as found, explained(self.request, found.path):
            if not found.files:
                raise LateSourceError(
                    f"{self.request.where}: the folder {found.path} has no Parquet file",
                    remedy="run it again when the files have arrived",
                )
            rows = dataset_of(found)
            self.request.check(rows.schema.names, part.name)
            yield rows


def dataset_of(found: Listing, schema: pa.Schema | None = None) -> Any:
    """Return files as one dataset, its columns in types that rows can be picked from."""
    rows = pyarrow.dataset.dataset(
        [str(file) for file in found.files],
        schema,
        # by default what is read ahead of a slow reader is kept, in time all of a large file
        format=pyarrow.dataset.ParquetFileFormat(
            default_fragment_scan_options=pyarrow.dataset.ParquetFragmentScanOptions(
                pre_buffer=False
            )
        ),
        partitioning="hive" if found.is_folder else None,
        partition_base_dir=str(found.path) if found.is_folder else None,
    )
    plain = plain_schema(rows.schema)
    return rows if plain == rows.schema else dataset_of(found, plain)


def tables_of(
    rows: Any, wanted: Any = None, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yield rows of a dataset in their order, a piece at a time.

    A scan of a whole file keeps what it has read until it is taken, in time most of the file. So
    groups of rows are chosen by what the file tells of them, and rows when they are here.
    """
    for fragment in rows.get_fragments(filter=wanted):
        for group in fragment.split_by_row_group(wanted, rows.schema):
            for batch in group.to_batches(schema=rows.schema, columns=columns, **_AHEAD):
                table = pa.Table.from_batches([batch])
                yield table if wanted is None else table.filter(wanted)


def without_value(rows: Any, field: Any) -> int:
    """Return how many rows of a dataset have no value in a field."""
    count: int = rows.count_rows(filter=field.is_null(), **_AHEAD)
    return count
