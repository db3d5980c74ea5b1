from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from mlfactory.ingest.cells import cast_cells, infer_type
from mlfactory.ingest.landing import land
from mlfactory.ingest.times import UTC_TIME, as_times, shortened
from mlfactory.lake.catalog import RESCUED


def column(*values: Any, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-2", "+3"], pa.int64()),
        (["1", "2", "3.0"], pa.int64()),
        (["1", None, "3"], pa.float64()),
        (["1", "2.5", "1e-3"], pa.float64()),
        (["true", "False", "TRUE"], pa.string()),
        (["Yes", "No"], pa.string()),
        (["t", "f"], pa.string()),
        (["NA", "US", "DE"], pa.string()),
        (["NA", "1", "2"], pa.float64()),
        (["9223372036854775807", "1"], pa.int64()),
        (["9223372036854775808", "1"], pa.string()),
        (["a", "1", "2"], pa.string()),
        ([None, None], pa.null()),
        (["NA", ""], pa.null()),
        (["007", "123"], pa.string()),
        (["0", "10", "0.5"], pa.float64()),
        (["1234567890123456789012", "1"], pa.string()),
        (["2013-01-01", "2013-01-02"], pa.string()),
    ],
)
def test_text_is_given_the_type_that_it_can_be_read_as(
    texts: list[str | None], kind: pa.DataType
) -> None:
    assert infer_type(column(*texts, kind=pa.string())) == kind


def test_a_few_wrong_cells_do_not_turn_a_column_of_numbers_into_text() -> None:
    numbers = [str(i) for i in range(99)]
    assert infer_type(column(*numbers, "oops")) == pa.float64()
    assert infer_type(column(*numbers[:9], "oops")) == pa.string()


@pytest.mark.parametrize(
    ("given", "kind", "values", "unread"),
    [
        (["1", " 2 ", "x", None], pa.int64(), [1, 2, None, None], [False, False, True, False]),
        (["+5", "5.0", "5.5"], pa.int64(), [5, 5, None], [False, False, True]),
        (["0x1A", "99999999999999999999"], pa.int64(), [None, None], [True, True]),
        (
            ["9223372036854775807", "-9223372036854775808", "9223372036854775808", "0007"],
            pa.int64(),
            [2**63 - 1, -(2**63), None, 7],
            [False, False, True, False],
        ),
        (["NA", "null", "n.a."], pa.float64(), [None, None, None], [False, False, True]),
        (["NA", "DE"], pa.string(), ["NA", "DE"], [False, False]),
        (["1.5", "1,5", ""], pa.float64(), [1.5, None, None], [False, True, False]),
        (["yes", "0", "maybe"], pa.bool_(), [True, False, None], [False, False, True]),
        ([1.0, 2.5], pa.int64(), [1, None], [False, True]),
        ([1, 2], pa.string(), ["1", "2"], [False, False]),
    ],
)
def test_cells_are_cast_and_those_that_cannot_be_read_are_told_apart(
    given: list[Any], kind: pa.DataType, values: list[Any], unread: list[bool]
) -> None:
    cells = cast_cells(column(*given), kind)
    assert cells.values.type == kind
    assert cells.values.to_pylist() == values
    assert cells.unread.to_pylist() == unread


def test_what_names_rows_becomes_a_number_only_if_all_of_it_is_one() -> None:
    names = column(*[str(i) for i in range(99)], "A-17")
    assert infer_type(names) == pa.float64()
    assert infer_type(names, strict=True) == pa.string()


UUID = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([uuid.UUID(int=5).bytes], pa.binary(16)))


@pytest.mark.parametrize(
    ("given", "kind", "value"),
    [
        (UUID, pa.string(), "00000000-0000-0000-0000-000000000005"),
        (pa.array([b"\xff\x01"], pa.binary(2)), pa.string(), "ff01"),
        (pa.array([b"caf\xc3\xa9"]), pa.string(), "caf\u00e9"),
        (pa.array([Decimal("1.25")], pa.decimal128(10, 2)), pa.float64(), 1.25),
        (pa.array([Decimal(7)], pa.decimal128(38, 0)), pa.int64(), 7),
        (pa.array([Decimal(10**20)], pa.decimal128(38, 0)), pa.string(), str(10**20)),
        (pa.array([["a"]]), pa.list_(pa.string()), ["a"]),
        (pa.array([[1]], pa.large_list(pa.uint8())), pa.list_(pa.int64()), [1]),
        (pa.array([{"a": 1}]), pa.struct([("a", pa.int64())]), {"a": 1}),
        (pa.StructArray.from_arrays([UUID], ["u"]), pa.string(), f'{{"u": "{uuid.UUID(int=5)}"}}'),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), pa.string(), '[["a", 1]]'),
        (pa.array([1], pa.time64("ns")), pa.string(), "00:00:00.000000001"),
        (pa.array([1.5], pa.float16()), pa.float64(), 1.5),
        (pa.array([0], pa.date64()), pa.date32(), date(1970, 1, 1)),
        (pa.array([(1, 2, 3)], pa.month_day_nano_interval()), pa.string(), "[1, 2, 3]"),
        (pa.array(["a"]).dictionary_encode(), pa.string(), "a"),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_every_type_that_comes_is_landed_in_one_that_the_lake_has(
    given: pa.Array, kind: pa.DataType, value: Any, tmp_path: Path
) -> None:
    typed = pa.chunked_array([given])
    assert infer_type(typed) == kind
    cells = cast_cells(typed, kind)
    assert cells.values.to_pylist() == [value]
    assert cells.unread.to_pylist() == [False]
    write_deltalake(tmp_path / "table", pa.table({"column": cells.values}))


ONE = pa.struct([("a", pa.int64())])


@pytest.mark.parametrize(
    ("kind", "given", "values"),
    [
        (ONE, [{"a": 1, "b": 2}, {"a": 3, "b": None}, None], [None, {"a": 3}, None]),
        (ONE, [{"A": 1, "c": 5}], [None]),
        (ONE, [{"a": 1}, None], [{"a": 1}, None]),
        (pa.list_(ONE), [[{"a": 1, "b": 2}], [{"a": 3, "b": None}], []], [None, [{"a": 3}], []]),
        (pa.struct([("in", ONE)]), [{"in": {"a": 1, "b": 2}}], [None]),
        # a field that is absent holds nothing that could be lost
        (pa.struct([("a", pa.int64()), ("b", pa.int64())]), [{"a": 1}], [{"a": 1, "b": None}]),
    ],
    ids=["gained", "renamed", "same", "in lists", "deeper", "fewer"],
)
def test_a_nested_cell_whose_field_has_no_place_is_unread_and_not_cut(
    kind: pa.DataType, given: list[Any], values: list[Any]
) -> None:
    cells = cast_cells(pa.chunked_array([pa.array(given)]), kind)
    assert cells.values.type == kind
    assert cells.values.to_pylist() == values
    lost = [each is None and told is not None for told, each in zip(given, values, strict=True)]
    assert cells.unread.to_pylist() == lost


def test_what_had_no_place_is_kept_beside_it_as_json() -> None:
    landing = land(
        pa.table({"order": pa.array([{"a": 1, "b": 2}, {"a": 3, "b": None}])}), {"order": ONE}
    )
    assert landing.rescued == 1
    texts = landing.rows.column(RESCUED).to_pylist()
    assert [text and json.loads(json.loads(text)["order"]) for text in texts] == [
        {"a": 1, "b": 2},
        None,
    ]


def test_bytes_that_are_no_text_are_unreadable_and_not_an_error() -> None:
    cells = cast_cells(pa.chunked_array([pa.array([b"\xff", b"ok", None])]), pa.string())
    assert cells.values.to_pylist() == [None, "ok", None]
    assert cells.unread.to_pylist() == [True, False, False]


def test_times_may_be_written_as_declared() -> None:
    cells = cast_cells(column("01/02/2026", "2026-02-01", ""), UTC_TIME, "%d/%m/%Y")
    assert cells.values.to_pylist() == [datetime(2026, 2, 1, tzinfo=UTC), None, None]
    assert cells.unread.to_pylist() == [False, True, False]


@pytest.mark.parametrize(
    "given",
    [
        column("2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.123456000Z", "soon"),
        pa.chunked_array(
            [pa.array([1767225600123456789, 1767225600123456000], pa.timestamp("ns"))]
        ),
    ],
)
def test_times_finer_than_microseconds_are_cut_and_counted(given: pa.ChunkedArray) -> None:
    times = as_times(given)
    assert times[0].as_py() == datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert shortened(given) == 1


def test_unreadable_times_are_told_apart() -> None:
    cells = cast_cells(column("2013-01-01T05:00:00Z", "soon", None), UTC_TIME)
    assert cells.values.to_pylist() == [datetime(2013, 1, 1, 5, tzinfo=UTC), None, None]
    assert cells.unread.to_pylist() == [False, True, False]


@pytest.mark.parametrize(
    "given",
    [
        "2013-01-01T05:00:00Z",
        "2013-01-01T05:00:00",
        "2013-01-01 05:00",
        "2013-01-01T07:00:00+02:00",
        datetime(2013, 1, 1, 5),
        datetime(2013, 1, 1, 5, tzinfo=UTC),
    ],
)
def test_times_are_read_as_utc_however_they_are_written(given: Any) -> None:
    assert as_times(column(given)).to_pylist() == [datetime(2013, 1, 1, 5, tzinfo=UTC)]


@pytest.mark.parametrize("spelling", [None, "%d/%m/%Y"])
def test_words_for_the_clock_are_no_times(spelling: str | None) -> None:
    given = column("now", "today", "-2024-01-01", "soon")
    assert as_times(given, spelling).to_pylist() == [None] * 4


def test_numbers_are_no_times() -> None:
    assert as_times(column(1357016400)).to_pylist() == [None]


@pytest.mark.parametrize(
    "given",
    [
        column("1.5", "inf", "-Infinity", "1e999", None, kind=pa.string()),
        column(1.5, float("inf"), float("-inf"), float("inf"), None),
        column(1.5, float("inf"), float("-inf"), float("inf"), None, kind=pa.float32()),
    ],
)
def test_what_is_infinite_is_no_number_that_can_be_read(given: pa.ChunkedArray) -> None:
    cells = cast_cells(given, pa.float64())
    assert cells.values.to_pylist() == [1.5, None, None, None, None]
    assert cells.unread.to_pylist() == [False, True, True, True, False]
