from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from mlfactory.ingest.cells import cast_cells, infer_type
from mlfactory.ingest.times import UTC_TIME, as_times


def column(*values: Any, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-2", "+3"], pa.int64()),
        (["1", "2", "3.0"], pa.int64()),
        (["1", None, "3"], pa.float64()),
        (["1", "2.5", "1e-3"], pa.float64()),
        (["true", "False", "TRUE"], pa.bool_()),
        (["a", "1", "2"], pa.string()),
        ([None, None], pa.string()),
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


def test_numbers_are_no_times() -> None:
    assert as_times(column(1357016400)).to_pylist() == [None]
