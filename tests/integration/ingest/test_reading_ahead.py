"""A large Parquet source is read as it is taken: what is not taken yet is not held."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from mlfactory.ingest.origin import listing_of
from mlfactory.ingest.readers.parquet import dataset_of, tables_of

GROUPS, ROWS = 40, 50_000
NEAR = pyarrow.dataset.field("at") >= pa.scalar(
    datetime(2026, 1, 1, tzinfo=UTC), pa.timestamp("us", "UTC")
)


@pytest.mark.parametrize("wanted", [None, NEAR])
def test_who_takes_rows_slowly_holds_few(
    tmp_path: Path, wanted: pyarrow.dataset.Expression | None
) -> None:
    file = tmp_path / "rows.parquet"
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with pq.ParquetWriter(file, _group(start, 0).schema) as writer:
        for number in range(GROUPS):
            writer.write_table(_group(start, number))
    whole = GROUPS * _group(start, 0).nbytes
    before = pa.total_allocated_bytes()
    tables = tables_of(dataset_of(listing_of(file)), wanted)
    seen = next(tables).num_rows
    # long enough for a thread that reads ahead to have read all of it
    time.sleep(0.5)
    held = pa.total_allocated_bytes() - before
    assert held < whole / 4
    assert seen + sum(table.num_rows for table in tables) == GROUPS * ROWS


def _group(start: datetime, number: int) -> pa.Table:
    random = np.random.default_rng(number)
    times = pa.array([start + timedelta(minutes=number)] * ROWS, pa.timestamp("us", "UTC"))
    return pa.table({"at": times, **{name: random.normal(size=ROWS) for name in "abcd"}})
