"""Parquet: files, folders of them, patterns; on a disk or on S3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.dataset

from mlfactory.ingest.kinds import plain_schema
from mlfactory.ingest.opening import explained, unchanged
from mlfactory.ingest.origin import Listing, LocalFile
from mlfactory.ingest.readers.base import Part, Rows
from mlfactory.ingest.readers.files import FileReader
from mlfactory.ingest.readers.filesystem import filesystem_of, path_of
from mlfactory.product.errors import ContractError
from mlfactory.product.sources import ParquetSource

_AHEAD = {"batch_readahead": 1, "fragment_readahead": 1}
"""How much of a dataset is read before it is asked for."""


class ParquetReader(FileReader[ParquetSource]):
    """Parquet files: together they are one dataset, with the columns that any of them has."""

    rows: Any

    def parts(self) -> Sequence[Part]:
        """Return the files; see `Reader`. What columns they have together is of each."""
        found = super().parts()
        with unchanged(self.request, self.listing), explained(self.request, self.listing.place):
            self.rows = dataset_of(self.listing)
            columns = str(self.rows.schema)
        return [
            Part(part.name, f"{part.fingerprint} {columns}", of_one=part.of_one) for part in found
        ]

    @contextmanager
    def opened(self, part: Part, columns: Sequence[str] | None = None) -> Iterator[Rows]:
        """Give the rows of a file, with some of their columns or all; see `Reader`."""
        schema = self.rows.schema
        self.check(schema.names, part)
        given = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        with self.unchanged(part) as file, explained(self.request, part.name):
            mine = [each for each in self.rows.get_fragments() if each.path == path_of(file)]
            yield Rows(given, _tables(mine, schema, columns=columns))

    @contextmanager
    def whole(self) -> Iterator[Any]:
        """Give all files as one dataset, and make sure that they are the same to the end."""
        with unchanged(self.request, self.listing), explained(self.request, self.listing.place):
            yield self.rows


def dataset_of(found: Listing) -> Any:
    """Return files as one dataset, its columns in types that rows can be picked from.

    Raises:
        ContractError: two files have a column in types that do not go together.
    """
    rows = _dataset(found)
    schema = plain_schema(_together(rows))
    return rows if schema == rows.schema else _dataset(found, schema)


def _dataset(found: Listing, schema: pa.Schema | None = None) -> Any:
    local = all(isinstance(file, LocalFile) for file in found.files)
    return pyarrow.dataset.dataset(
        [path_of(file) for file in found.files],
        schema,
        # by default what is read ahead of a slow reader is kept, in time all of a large file
        format=pyarrow.dataset.ParquetFileFormat(
            default_fragment_scan_options=pyarrow.dataset.ParquetFragmentScanOptions(
                pre_buffer=False
            )
        ),
        filesystem=None if local else filesystem_of(found.files),
        partitioning="hive" if found.base else None,
        partition_base_dir=found.base,
    )


def tables_of(
    rows: Any, wanted: Any = None, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yield rows of a dataset in their order, a piece at a time."""
    yield from _tables(rows.get_fragments(filter=wanted), rows.schema, wanted, columns)


def without_value(rows: Any, field: Any) -> int:
    """Return how many rows of a dataset have no value in a field."""
    count: int = rows.count_rows(filter=field.is_null(), **_AHEAD)
    return count


def _tables(
    fragments: Any, schema: pa.Schema, wanted: Any = None, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yield the rows of files.

    A scan of a whole file keeps what it has read until it is taken, in time most of the file. So
    groups of rows are chosen by what the file tells of them, and rows when they are here.
    """
    for fragment in fragments:
        for group in fragment.split_by_row_group(wanted, schema):
            for batch in group.to_batches(schema=schema, columns=columns, **_AHEAD):
                table = pa.Table.from_batches([batch])
                yield table if wanted is None else table.filter(wanted)


def _together(rows: Any) -> pa.Schema:
    """Return the columns that any of the files has."""
    schema = rows.schema
    for fragment in rows.get_fragments():
        own = fragment.physical_schema
        if own.names == schema.names and own.equals(schema):
            continue
        try:
            schema = pa.unify_schemas([schema, own], promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise ContractError(
                f"{fragment.path} has other columns than the files before it: {error}",
                remedy="let a column have one type in all files of a source",
            ) from error
    return schema
