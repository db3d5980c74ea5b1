"""Each step does what its name says, counts it, and leaves what it cannot do to the quarantine."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.cleaning.conftest import Clean

from mlfactory.cleaning import Cleaning
from mlfactory.lake.catalog import RESCUED
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product


def texts(*values: str | None, name: str = "x") -> pa.Table:
    return pa.table({name: pa.array(values, pa.string())})


def numbers(*values: float | None, kind: pa.DataType | None = None) -> pa.Table:
    return pa.table({"x": pa.array(values, kind or pa.float64())})


@pytest.mark.parametrize(
    ("step", "given", "becomes"),
    [
        ({"do": "trim"}, [" a  b\t", "   ", None], ["a  b", None, None]),
        ({"do": "trim", "inner": True}, [" a \u00a0 b\t"], ["a b"]),
        ({"do": "case", "columns": "x", "to": "lower"}, ["ÄB", None], ["äb", None]),
        ({"do": "case", "columns": "x", "to": "title"}, ["new york"], ["New York"]),
        (
            {"do": "map", "columns": "x", "values": {"N.Y.": "NY", "?": None}},
            ["N.Y.", "?", "LA", None],
            ["NY", None, "LA", None],
        ),
        (
            {"do": "map", "columns": "x", "values": {"N.Y.": "NY"}, "others": "null"},
            ["N.Y.", "NY", "LA"],
            ["NY", "NY", None],
        ),
        ({"do": "nulls", "words": ["-", -999]}, ["-", "-999", "NA"], [None, None, "NA"]),
        ({"do": "fill", "columns": "x", "value": "none"}, ["a", None], ["a", "none"]),
    ],
)
def test_text_becomes(clean: Clean, step: dict[str, Any], given: list[Any], becomes: Any) -> None:
    assert clean(texts(*given), step)["x"] == becomes


@pytest.mark.parametrize(
    ("signs", "given", "becomes"),
    [
        ({"decimal": ",", "thousands": "."}, "1.234.567,5", 1234567.5),
        ({"decimal": ",", "thousands": "."}, "-12,5", -12.5),
        ({"decimal": ",", "thousands": "."}, "+1234,5", 1234.5),
        ({"decimal": ",", "thousands": "."}, "1.5", None),
        ({"decimal": ",", "thousands": "."}, "1.2345", None),
        ({"decimal": ",", "thousands": "."}, "0.500", None),
        ({"decimal": ",", "thousands": "."}, "012.345", None),
        ({"decimal": ",", "thousands": "."}, "0,500", 0.5),
        ({"thousands": ","}, "0,500", None),
        ({"decimal": ",", "thousands": " "}, "0\u202f500", None),
        ({"decimal": ","}, "1.234,5", None),
        ({"decimal": ","}, " ,5 ", 0.5),
        ({"decimal": ",", "thousands": " "}, "1\u202f234,5", 1234.5),
        ({"thousands": "'"}, "1'234'567.25", 1234567.25),
        ({"thousands": ","}, "1e3", 1000.0),
        ({"decimal": ","}, "1e999", None),
        ({"decimal": ","}, "zwei", None),
    ],
)
def test_text_is_read_as_numbers_as_a_country_writes_them(
    clean: Clean, signs: dict[str, str], given: str, becomes: float | None
) -> None:
    found = clean(texts(given, "NA", None), {"do": "number", "columns": "x", **signs})
    assert found["x"] == [becomes, None, None]
    # NA is no value in a column of numbers; what is no number keeps its text for the quarantine
    unread = None if becomes is not None else json.dumps({"x": given}, ensure_ascii=False)
    assert found.unread == [unread, None, None]


def test_whole_numbers_are_whole_where_types_says_so(clean: Clean) -> None:
    step = {"do": "number", "columns": "x", "thousands": "."}
    step |= {"decimal": ","}
    found = clean(texts("1.000", "2,0", "2,5"), step, types={"x": "integer"})
    assert found.rows.field("x").type == pa.int64()
    assert found["x"] == [1000, 2, None]
    assert found.unread[2] == '{"x": "2,5"}'


def test_times_are_read_by_the_first_format_that_fits(clean: Clean) -> None:
    step = {"do": "time", "columns": "x", "formats": ["%d/%m/%Y", "%d.%m.%y %H:%M"]}
    found = clean(texts("02/01/2026", "03.01.26 10:30", "2026-01-04T00:00:00Z", "soon", ""), step)
    assert found["x"] == [
        datetime(2026, 1, 2, tzinfo=UTC),
        datetime(2026, 1, 3, 10, 30, tzinfo=UTC),
        datetime(2026, 1, 4, tzinfo=UTC),
        None,
        None,
    ]
    assert found.unread == [None, None, None, '{"x": "soon"}', None]
    assert found.told[0]["unread"] == {"x": 1}


def test_units_are_converted_by_factor_and_offset(clean: Clean) -> None:
    step = {"do": "unit", "columns": "x", "factor": 1.8, "offset": 32}
    assert clean(numbers(0, 100, None), step)["x"] == [32.0, 212.0, None]
    assert clean(numbers(0, 100, kind=pa.int64()), step)["x"] == [32.0, 212.0]
    huge = clean(numbers(1e308), {"do": "unit", "columns": "x", "factor": 10})
    assert (huge["x"], huge.unread) == ([None], ['{"x": "1e+308"}'])


@pytest.mark.parametrize(
    ("then", "becomes"),
    [("clip", [0, 5, 10, 10, None]), (None, [None, 5, 10, None, None])],
)
@pytest.mark.parametrize("kind", [pa.int64(), pa.float64()])
def test_outliers_are_clipped_or_taken_out(
    clean: Clean, then: str | None, becomes: list[Any], kind: pa.DataType
) -> None:
    step = {"do": "outliers", "columns": "x", "at_least": 0, "at_most": 10, "then": then}
    found = clean(numbers(-3, 5, 10, 11, None, kind=kind), step)
    assert found["x"] == becomes
    assert found.told[0]["changed"] == {"x": 2}


def test_outliers_for_the_quarantine_keep_their_value_and_get_a_reason(clean: Clean) -> None:
    step = {"do": "outliers", "columns": "x", "at_most": 10, "then": "quarantine"}
    found = clean(numbers(11, 5), step)
    assert found["x"] == [11, 5]
    assert json.loads(found.refused[0] or "") == [
        ["x is an outlier: not at most 10", "x=11.0 is an outlier: not at most 10"]
    ]
    assert found.refused[1] is None
    assert found.told[0]["quarantined"] == {"x": 1}


def test_words_that_a_map_does_not_know_are_refused_where_it_says_so(clean: Clean) -> None:
    step = {"do": "map", "columns": "{x}", "values": {"a": "A"}, "others": "quarantine"}
    found = clean(texts("a", "A", "{b}", None, name="{x}"), step)
    assert found["{x}"] == ["A", "A", "{b}", None]
    assert [bool(each) for each in found.refused] == [False, False, True, False]
    assert json.loads(found.refused[2] or "")[0][1].startswith("{x}='{b}' is no word")


def test_null_words_release_cells_that_landing_could_not_read(clean: Clean) -> None:
    rows = numbers(None, None, -1).append_column(
        RESCUED, pa.array(['{"x": "n. a.", "y": "b"}', '{"x": "free"}', None])
    )
    found = clean(rows, {"do": "nulls", "columns": "x", "words": ["n. a.", "-1"]})
    assert found["x"] == [None, None, None]
    assert found.unread == ['{"y": "b"}', '{"x": "free"}', None]
    assert found.told[0]["changed"] == {"x": 2}


def test_a_column_is_filled_from_another(clean: Clean) -> None:
    rows = pa.table({"x": [1.5, None, None], "list": pa.array([9, 8, None], pa.int64())})
    assert clean(rows, {"do": "fill", "columns": "x", "from": "list"})["x"] == [1.5, 8.0, None]


def test_lists_are_filled_and_counted(clean: Clean) -> None:
    rows = pa.table({"id": [1, 1], "x": pa.array([["a"], None], pa.list_(pa.string()))})
    found = clean(rows, {"do": "fill", "columns": "x", "last_of": "id"})
    assert (found["x"], found.told[0]["changed"]) == ([["a"], ["a"]], {"x": 1})


def test_a_time_is_filled_as_a_person_writes_it(clean: Clean) -> None:
    rows = pa.table({"x": pa.array([None], pa.timestamp("us", "UTC"))})
    found = clean(rows, {"do": "fill", "columns": "x", "value": "2026-01-02"})
    assert found["x"] == [datetime(2026, 1, 2, tzinfo=UTC)]


def test_columns_are_told_before_and_after(clean: Clean) -> None:
    rows = texts("1,5", "2,5", "free", None, "x").append_column("y", pa.array([9] * 5))
    steps = [
        {"do": "nulls", "columns": "x", "words": ["x"]},
        {"do": "number", "columns": "x", "decimal": ","},
        {"do": "outliers", "columns": "x", "at_most": 2, "then": "clip"},
    ]
    columns = clean(rows, *steps, size=2).cleaning.facts()["columns"]
    assert columns == {
        "x": [
            {"type": "string", "missing": 1},
            {"type": "double", "missing": 3, "from": 1.5, "to": 2.0},
        ]
    }


def test_steps_are_taken_in_the_order_in_which_they_are_written(clean: Clean) -> None:
    clip = {"do": "outliers", "columns": "x", "at_most": 10, "then": "clip"}
    unit = {"do": "unit", "columns": "x", "factor": 2}
    assert clean(numbers(8), clip, unit)["x"] == [16]
    assert clean(numbers(8), unit, clip)["x"] == [10]


def test_what_a_step_did_is_told_with_the_first_examples(clean: Clean) -> None:
    found = clean(
        texts(*(["a", "A", "b", "b", "c", "d", "e"] * 3)),
        {
            "do": "case",
            "columns": "x",
            "to": "upper",
        },
    )
    assert found.told == [
        {
            "do": "case",
            "columns": ["x"],
            "changed": {"x": 18},
            "examples": {"x": [["a", "A"], ["b", "B"], ["c", "C"]]},
        }
    ]


def test_a_column_that_never_had_a_value_suits_every_step(clean: Clean) -> None:
    rows = pa.table({"x": pa.nulls(2)})
    found = clean(
        rows,
        {"do": "trim", "columns": "x"},
        {"do": "unit", "columns": "x", "factor": 2},
        {"do": "outliers", "columns": "x", "at_most": 2, "then": "quarantine"},
        {"do": "fill", "columns": "x", "value": 3},
    )
    assert found["x"] == [None, None]


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"do": "trim", "columns": "words"}, "no column 'words' (did you mean 'word'?)"),
        ({"do": "trim", "columns": "number"}, "'number' is int64, and the step is for text"),
        ({"do": "unit", "columns": "word", "factor": 2}, "'word' is string, and the step is for n"),
        ({"do": "fill", "columns": "number", "value": "x"}, "filled with 'x', which is none"),
        ({"do": "fill", "columns": "number", "value": 1.5}, "filled with 1.5, which is none"),
        ({"do": "fill", "columns": "word", "from": "number"}, "from which it is filled, is int64"),
        ({"do": "duplicates", "columns": "id", "keep": "first"}, "no column 'id'"),
        ({"do": "duplicates", "columns": "tags", "keep": "first"}, "whose values have no order"),
        ({"do": "fill", "columns": "word", "last_of": "tags"}, "whose values have no order"),
        ({"do": "fill", "columns": "when", "value": "soon"}, "filled with 'soon', which is none"),
        ({"do": "duplicates", "columns": "word", "keep": "last", "by": "at"}, "no column 'at'"),
    ],
)
def test_a_step_that_does_not_suit_the_rows_is_told_with_its_place(
    product_of: Callable[..., Product], step: dict[str, Any], says: str
) -> None:
    kinds = {"word": pa.string(), "number": pa.int64(), "tags": pa.list_(pa.string())}
    schema = pa.schema({**kinds, "when": pa.timestamp("us", "UTC"), "_row": pa.int64()})
    with pytest.raises(ContractError) as caught:
        Cleaning(product_of({"do": "trim"}, step), "trips", schema)
    assert "taxi.trips: step 2 of clean" in str(caught.value)
    assert says in str(caught.value)
