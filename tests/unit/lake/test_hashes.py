from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from mlfactory.lake.hashes import row_hashes

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def of(values: list[object], kind: pa.DataType | None = None) -> list[int]:
    return row_hashes(pa.table({"a": pa.array(values, kind)}), ["a"]).tolist()


def mixed_rows(rows: int) -> pa.Table:
    generator = np.random.default_rng(1)
    texts = [
        None if n % 7 == 0 else "é" * (n % 13) + str(generator.integers(50)) for n in range(rows)
    ]
    return pa.table(
        {
            "number": pa.array(generator.integers(-9, 9, rows)),
            "text": pa.array(texts, pa.string()),
            "time": pa.array(generator.integers(0, 10**15, rows), pa.timestamp("us", "UTC")),
            "part": pa.array([None if n % 5 == 0 else n / 4 for n in range(rows)]),
        }
    )


def test_a_hash_is_what_it_was_in_every_release_and_on_every_machine() -> None:
    assert of([1]) == [17405687883870564846]
    assert of(["customer-12"]) == [17598640689699571711]
    assert of([NOON]) == [3222997547220159039]
    assert row_hashes(pa.table({"a": [1]}), ["a"], salt=7).tolist() == [7505259859698541696]
    rows = pa.table({"a": [1], "b": ["x"]})
    assert row_hashes(rows, ["a", "b"]).tolist() == [6400723653677296016]


@pytest.mark.parametrize("cut", [1, 7, 64])
def test_rows_have_the_same_hash_in_any_batch(cut: int) -> None:
    rows = mixed_rows(200)
    whole = row_hashes(rows, rows.column_names)
    parts = [rows.slice(at, cut) for at in range(0, 200, cut)]
    found = np.concatenate([row_hashes(part, rows.column_names) for part in parts])
    assert (found == whole).all()
    assert (row_hashes(pa.concat_tables(parts), rows.column_names) == whole).all()


def test_a_value_has_one_hash_in_whatever_type_it_is_held() -> None:
    for kind in (pa.int8(), pa.int32(), pa.uint16(), pa.uint64(), pa.float32(), pa.float64()):
        assert of([1, None], kind) == of([1, None], pa.int64())
    assert of([-3], pa.int16()) == of([-3.0], pa.float64())
    assert of([True, False]) == of([1, 0])
    for unit in ("s", "ms", "ns"):
        assert of([NOON], pa.timestamp(unit, "UTC")) == of([NOON], pa.timestamp("us", "UTC"))
    texts = ["a", None, "", "a long name, of more than eight bytes"]
    for kind in (pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())):
        assert of(texts, kind) == of(texts, pa.string())


def test_what_is_missing_is_one_value_and_no_other() -> None:
    assert len({*of([None, float("nan")]), *of([None], pa.string()), *of([None], pa.null())}) == 1
    assert len({*of([None, "", "None", "nan", "\0"]), *of([0, None])}) == 6


def test_neighbours_and_parts_of_texts_do_not_share_a_hash() -> None:
    texts = ["x" * length for length in range(40)] + ["x" * 8 + "y", "y" + "x" * 8]
    assert len(set(of(texts))) == len(texts)
    assert len(set(of([0.1, 0.2, 2.0**63, -(2.0**63), float("inf"), float("-inf")]))) == 6
    rows = pa.table({"a": ["ab", "a"], "b": ["c", "bc"]})
    assert len(set(row_hashes(rows, ["a", "b"]).tolist())) == 2
    assert of([Decimal("1.10")]) != of([Decimal("1.11")])


def test_low_bits_and_high_bits_are_spread_evenly() -> None:
    hashes = row_hashes(pa.table({"a": np.arange(100_000) * 1024}), ["a"])
    for part in (hashes % np.uint64(10), hashes >> np.uint64(60)):
        counts = np.bincount(part.astype(int))
        assert np.abs(counts / counts.mean() - 1).max() < 0.06


def test_an_empty_table_has_no_hashes() -> None:
    assert not len(row_hashes(mixed_rows(10).slice(0, 0), ["number", "text"]))
    assert not len(row_hashes(pa.schema([("a", pa.string())]).empty_table(), ["a"]))
