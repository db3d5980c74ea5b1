"""What is written of a row does not depend on the other rows, nor on how they are gone through."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlfactory.validate.records import plain, plain_cells, records_of

COLUMNS: dict[str, pd.Series] = {
    "whole": pd.Series([1, -2, 2**62], dtype="int64"),
    "gappy": pd.Series([3.0, np.nan, 2.5]),
    "huge": pd.Series([2.0**53, 2.0**53 - 1, np.inf]),
    "large": pd.Series([1, None, 2**62], dtype="Int64"),
    "short": pd.Series([1.5, 2, np.nan], dtype="float32"),
    "flag": pd.Series([True, False, True]),
    "some_flags": pd.Series([True, None, False], dtype="object"),
    "word": pd.Series(["3", None, "\u00c4"], dtype="str"),
    "mixed": pd.Series([1.0, "x", None], dtype="object"),
    "list": pd.Series([[1, None], np.array([2.0]), None], dtype="object"),
    "time": pd.Series(
        pd.to_datetime(
            ["2025-01-01", None, "2025-01-01T00:00:00.000001"], utc=True, format="ISO8601"
        )
    ),
    "group": pd.Series(["a", None, "a"], dtype="category"),
}


def test_records_are_what_each_row_gives_by_itself() -> None:
    frame = pd.DataFrame(COLUMNS)
    expected = []
    for place in range(len(frame)):
        row: dict[str, Any] = {}
        for name in frame:
            cell = plain(frame[name].iloc[place])
            is_whole = isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53
            row[str(name)] = int(cell) if is_whole else cell
        expected.append(row)
    assert [json.dumps(each) for each in records_of(frame)] == [
        json.dumps(each) for each in expected
    ]
    assert expected[0]["gappy"] == 3
    assert expected[0]["time"] == "2025-01-01T00:00:00+00:00"
    assert [type(each["huge"]) for each in expected] == [float, int, float]


def test_columns_of_one_name_and_rows_without_columns_are_rows_all_the_same() -> None:
    assert records_of(pd.DataFrame(index=range(2))) == [{}, {}]
    assert records_of(pd.DataFrame({"a": []})) == []


def test_plain_cells_are_plain_one_by_one() -> None:
    for name, column in COLUMNS.items():
        found = plain_cells(column)
        assert repr(found) == repr([plain(cell) for cell in column]), name


def test_a_time_of_a_year_that_python_does_not_have_is_written_and_changes_no_other() -> None:
    cells = [2**55, 253402300799000000, None, 1704067200000001]
    column = pa.table({"at": pa.array(cells, pa.timestamp("us", "UTC"))}).to_pandas()["at"]
    assert plain_cells(column) == [
        "3111-09-16T23:10:18.963968+00:00",
        "9999-12-31T23:59:59+00:00",
        None,
        "2024-01-01T00:00:00.000001+00:00",
    ]
    late = pa.array([253402300800000000, *cells], pa.timestamp("us", "UTC"))
    column = pa.table({"at": late}).to_pandas()["at"]
    first, *others = plain_cells(column)
    assert first == "10000-01-01T00:00:00.000000+00:00"
    assert others[1:] == [*plain_cells(column.iloc[2:])]
