"""Where a subject is: rows of tables by partition, files of old versions, and other files."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlfactory.erase import files
from mlfactory.ingest.subjects import Rows, Subjects
from mlfactory.lake.catalog import METRICS, PARTITION, QUARANTINE, rows_of
from mlfactory.lake.erased import Erasure
from mlfactory.lake.old_versions import old_files, tables_of
from mlfactory.lake.pii_key import pii_key
from mlfactory.lake.store import store_at
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product


@dataclass(frozen=True)
class Found:
    """What there is of a subject.

    Attributes:
        rows: by table and partition.
        old: of each table, how many files that its newest version does not have.
        files: of other things, by what they are called: readings of files, decisions about rows,
            files that people put there.
    """

    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    old: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rows or self.old or self.files)

    @property
    def partitions(self) -> list[str]:
        """Return the partitions that rows are in, sorted."""
        return sorted({key for of_table in self.rows.values() for key in of_table})

    @property
    def counts(self) -> dict[str, int]:
        """Return how many rows there are, by table."""
        return {table: sum(each.values()) for table, each in sorted(self.rows.items())}


def look_for(product: Product, erasure: Erasure) -> Found:
    """Return what there is of a subject; nothing is changed.

    Of tables whose rows do not say whose they are, such as predictions by an id that the product's
    function makes, rows are not counted: they are found when the partition is built anew.
    """
    rows, old = dict[str, dict[str, int]](), dict[str, int]()
    for table in tables_of(product.name):
        if table == METRICS:
            continue
        counts = Counter[str]()
        for batch, found in matches(product, table, erasure):
            counts.update(batch[PARTITION].filter(pa.array(found)).to_pylist())
        if counts:
            rows[table] = dict(sorted(counts.items()))
        if stale := sum(1 for _ in _old_with(product, table, erasure)):
            old[table] = stale
    return Found(rows, old, files.count(product, erasure))


def subjects_of(product: Product, table: str, erasure: Erasure) -> Subjects:
    """Return what finds the rows of a subject in a table."""
    source = rows_of(table)
    return Subjects(product.name, source, [erasure], pii_key(product.name))


def matches(
    product: Product, table: str, erasure: Erasure, partitions: list[str] | None = None
) -> Iterator[tuple[pa.Table, Rows]]:
    """Yield batches of a table as it is now, with which of their rows are the subject's."""
    lake = Lake(product.name)
    if table == QUARANTINE:
        for batch in lake.batches(table, partitions, columns=["source", "record"]):
            yield batch, in_quarantine(product, batch, erasure)
        return
    subjects = subjects_of(product, table, erasure)
    wanted = subjects.columns(lake.columns(table, ours=True))
    if wanted:
        for batch in lake.batches(table, partitions, columns=wanted):
            yield batch, subjects.among(batch)


def in_quarantine(product: Product, rows: pa.Table, erasure: Erasure) -> Rows:
    """Return which rows in quarantine are the subject's, by what they were received as."""
    sources = rows["source"].to_pylist()
    records = [json.loads(text) for text in rows["record"].to_pylist()]
    found = np.zeros(len(records), dtype=np.bool_)
    for source in set(sources):
        own = Subjects(product.name, source, [erasure], pii_key(product.name))
        places = [place for place, each in enumerate(sources) if each == source]
        found[places] = own.in_records([records[place] for place in places])
    return found


def _old_with(product: Product, table: str, erasure: Erasure) -> Iterator[str]:
    """Yield the files of a table's old versions that have rows of the subject."""
    address = Lake(product.name).address(table)
    subjects = subjects_of(product, table, erasure)
    for name in old_files(address):
        content = store_at(address).find(name)
        if content is None or not name.endswith(".parquet"):
            continue
        with pq.ParquetFile(io.BytesIO(content)) as file:
            names = file.schema_arrow.names
            if table == QUARANTINE:
                wanted = ["source", "record"] if {"source", "record"} <= set(names) else []
            else:
                wanted = subjects.columns(names)
            for piece in file.iter_batches(columns=wanted) if wanted else ():
                rows = pa.Table.from_batches([piece])
                found = (
                    in_quarantine(product, rows, erasure)
                    if table == QUARANTINE
                    else subjects.among(rows)
                )
                if found.any():
                    yield name
                    break
