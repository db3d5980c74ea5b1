"""Text that Arrow reads by itself is read as the strict rules read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mlfactory.ingest.cells import cast_cells, infer_type, without_codes
from mlfactory.ingest.plainly import plain_values
from mlfactory.ingest.split import Splitter
from mlfactory.ingest.times import UTC_TIME, shortened
from mlfactory.lake.store import FolderStore
from mlfactory.product.errors import ServiceError
from mlfactory.product.partitions import Calendar

WHOLE = ["0", "7", "-3", "12", "9223372036854775807", "0x1F", "0X1f", "007", "-0", "-01", "+5"]
DECIMAL = ["0.5", "-1.25", "1e5", "1E-3", ".5", "5.", "1e400", "inf", "nan", "-inf", "NaN", "00.5"]
LONG = ["1234567890123456", "123456789012345.25", "9223372036854775808", "1" * 30]
TIMES = [
    "2025-01-01T00:00:00Z",
    "2025-01-01 00:00:00.123456Z",
    "2025-01-01T00:00:00.1234560Z",
    "2025-01-01T00:00:00.1234567Z",
    "2025-01-01T02:00:00+02:00",
    "2025-01-01",
    "2025-02-30T00:00:00Z",
]
POOLS = [WHOLE[:5], WHOLE, DECIMAL[:4], DECIMAL, [*WHOLE, *DECIMAL], [*WHOLE, *LONG], TIMES]


def drawn(pool: list[str], seed: int) -> pa.ChunkedArray:
    chance = np.random.default_rng(seed)
    cells = [None if chance.random() < 0.1 else pool[i] for i in chance.integers(0, len(pool), 5)]
    return pa.chunked_array([pa.array(cells, pa.string())])


def beside(column: pa.ChunkedArray, cell: str) -> pa.ChunkedArray:
    """Return a column with one more cell, for which the rules are asked about all."""
    return pa.chunked_array([*column.chunks, pa.array([cell])])


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), UTC_TIME], ids=str)
@pytest.mark.parametrize("pool", range(len(POOLS)))
def test_cells_are_cast_as_beside_one_that_the_rules_must_look_at(
    pool: int, kind: pa.DataType
) -> None:
    plain = 0
    for seed in range(60):
        column = drawn(POOLS[pool], seed)
        plain += plain_values(column, kind) is not None
        found, asked = cast_cells(column, kind), cast_cells(beside(column, "?"), kind)
        assert found.values.to_pylist() == asked.values.to_pylist()[:-1]
        assert found.unread.to_pylist() == asked.unread.to_pylist()[:-1]
        names = without_codes(column, found)
        strict = without_codes(beside(column, "?"), asked)
        assert names.values.to_pylist() == strict.values.to_pylist()[:-1]
    if (pool, kind) in ((0, pa.int64()), (2, pa.float64()), (6, UTC_TIME)):
        assert plain, "nothing was plain: the comparison has shown nothing"


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("pool", range(len(POOLS)))
def test_a_type_is_told_as_beside_a_cell_that_the_rules_must_look_at(
    pool: int, strict: bool
) -> None:
    for seed in range(60):
        column = drawn(POOLS[pool], seed)
        if column.null_count == len(column):
            continue
        asked = infer_type(beside(column, " 1"), strict=strict)
        assert infer_type(column, strict=strict) == asked, column.to_pylist()


def test_times_finer_than_the_lake_keeps_are_counted_beside_plain_ones() -> None:
    plain = pa.chunked_array([pa.array(TIMES[:2])])
    assert plain_values(plain, UTC_TIME) is not None
    assert shortened(plain) == 0
    assert shortened(pa.chunked_array([pa.array(TIMES[:4])])) == 1


def test_a_lake_that_takes_no_more_stops_the_splitting_and_keeps_no_index(tmp_path: Path) -> None:
    class Full(FolderStore):
        def write(self, name: str, content: bytes) -> None:
            if name.endswith("00001.arrow"):
                raise ServiceError("the disk is full", remedy="make room")
            super().write(name, content)

    store = Full(tmp_path)
    rows = pa.table({"a": ["x" * 1_000] * 8_000})
    splitter = Splitter(store, "kept", Calendar("day", None), rows.schema, None, None)
    with pytest.raises(ServiceError, match="the disk is full"):
        for _ in range(40):
            splitter.take(rows)
        splitter.finish({})
    splitter.give_up()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
