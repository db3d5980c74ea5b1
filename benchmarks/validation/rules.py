"""What is validated: rows of twenty columns, of which few are bad, and thirty rules about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NUMBERS = [f"x{number:02d}" for number in range(11)]
TEXTS = [f"t{number:02d}" for number in range(4)]
CODES = [f"c{number:02d}" for number in range(2)]
PAIR = ("x09", "x10")
BATCH = 1_000_000
DAY = 1_767_225_600_000_000
"""2026-01-01, in microseconds."""

SHARE = 0.0005
"""Of the rows that break a rule, each."""

RULES: list[dict[str, Any]] = [
    *(
        {
            "type": "expect_column_values_to_be_between",
            "column": name,
            "min_value": -9,
            "max_value": 9,
        }
        for name in NUMBERS[:9]
    ),
    *({"type": "expect_column_values_to_not_be_null", "column": name} for name in NUMBERS[:9]),
    *({"type": "expect_column_values_to_not_be_null", "column": name} for name in CODES),
    *(
        {"type": "expect_column_values_to_be_in_set", "column": name, "value_set": ["a", "b", "c"]}
        for name in TEXTS
    ),
    *(
        {
            "type": "expect_column_values_to_match_regex",
            "column": name,
            "regex": "^[A-Z]{2}-[0-9]{4}$",
        }
        for name in CODES
    ),
    *(
        {"type": "expect_column_value_lengths_to_equal", "column": name, "value": 7}
        for name in CODES
    ),
    {
        "type": "expect_column_pair_values_a_to_be_greater_than_b",
        "column_A": "x10",
        "column_B": "x09",
        "ignore_row_if": "either_value_is_missing",
    },
    {"type": "expect_column_values_to_be_unique", "column": "id"},
]


def write(file: Path, rows: int) -> None:
    """Write rows to a Parquet file, a million at a time."""
    writer = None
    for start in range(0, rows, BATCH):
        table = made(start, min(BATCH, rows - start))
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    assert writer
    writer.close()


def made(start: int, count: int) -> pa.Table:
    """Return rows, numbered from `start`."""
    dice = np.random.default_rng(start)

    def some() -> np.ndarray:
        return dice.random(count) < SHARE

    columns: dict[str, pa.Array] = {}
    ids = np.arange(start, start + count)
    ids[1:][some()[1:]] -= 1
    columns["number"] = pa.array(np.arange(start, start + count))
    columns["id"] = pa.array(ids)
    columns["at"] = pa.array(
        DAY + dice.integers(0, 86_400_000_000, count), pa.timestamp("us", "UTC")
    )
    for name in NUMBERS:
        values = dice.normal(size=count)
        if name == "x10":
            values = columns["x09"].to_numpy(zero_copy_only=False) + 1 - 3 * some()
        values[some() if name not in PAIR else []] = 50.0
        columns[name] = pa.array(values, mask=some() if name not in PAIR else None)
    for name in TEXTS:
        words = dice.choice(["a", "b", "c"], count)
        words[some()] = "z"
        columns[name] = pa.array(words)
    letters = np.array([f"{one}{two}" for one in "ABCDEFGH" for two in "STUVWXYZ"])
    for name in CODES:
        digits = np.char.zfill(dice.integers(0, 10_000, count).astype(str), 4)
        codes = np.char.add(np.char.add(dice.choice(letters, count), "-"), digits)
        codes[some()] = "a-12345"
        codes = codes.astype("U8")
        codes[some()] = "AB-12345"
        columns[name] = pa.array(codes)
    return pa.table(columns)
