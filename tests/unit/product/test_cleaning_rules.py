"""Steps of `clean` that cannot be what is meant are told by `check`, each at its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlfactory.product.errors import Mistake

Finder = Callable[[str | dict[str, Any]], list[Mistake]]

GAUGE = {"kind": "csv", "path": "gauge.csv", "event_time": "at"}
FIRST = {"do": "duplicates", "keep": "first"}
UNIT = {"do": "unit", "columns": "mm", "factor": 2}
NUMBER = {"do": "number", "columns": "mm", "decimal": ","}


def told(mistakes_of: Finder, content: dict[str, Any], source: dict[str, Any]) -> dict[str, str]:
    found = mistakes_of({**content, "sources": {"gauge": {**GAUGE, **source}}})
    return {mistake.key: mistake.message for mistake in found}


@pytest.mark.parametrize(
    ("step", "source", "says"),
    [
        ({"do": "trimm"}, {}, "trim"),
        ({"do": "case", "columns": "x", "to": "big"}, {}, "'lower', 'upper' or 'title'"),
        ({"do": "case", "to": "upper"}, {}, "columns"),
        ({**NUMBER, "thousands": ","}, {}, "decimal and thousands are both ','"),
        ({**UNIT, "factor": 0}, {}, "other than 0"),
        ({"do": "nulls", "words": ["-", False]}, {}, "reads this word as false: put it in quotes"),
        ({"do": "outliers", "columns": "mm", "then": "clip"}, {}, "at_least, at_most, or both"),
        (
            {"do": "outliers", "columns": "mm", "at_least": 2, "at_most": 1, "then": None},
            {},
            "at_least 2.0 is more than at_most 1.0",
        ),
        ({"do": "fill", "columns": "x"}, {}, "one of value, from and last_of"),
        ({"do": "fill", "columns": "x", "from": "x"}, {}, "cannot be filled from itself"),
        ({"do": "duplicates", "columns": "x", "keep": "first", "by": "y"}, {}, "keep: last"),
        (FIRST, {}, "has no key: name the columns"),
        ({"do": "trim", "columns": "at"}, {}, "'at' is the event_time"),
        ({"do": "trim", "columns": "town"}, {"header": ["at", "twon"]}, "did you mean 'twon'?"),
        ({"do": "trim", "columns": "town"}, {"columns": "strict"}, "there is no column 'town'"),
        ({"do": "trim", "columns": "mm"}, {"types": {"mm": "float"}}, "is float, and the step"),
        (UNIT, {"types": {"mm": "string"}}, "is string, and the step is for numbers"),
        ({"do": "fill", "columns": "n", "value": 1.5}, {"types": {"n": "integer"}}, "1.5 is none"),
        ({"do": "trim", "columns": "x"}, {"pii": {"x": "hash"}}, "is hashed by pii"),
        ({"do": "trim", "columns": "x"}, {"pii": {"x": "drop"}}, "is dropped by pii"),
        ({"do": "time", "columns": "x", "formats": ["%d/%m"]}, {}, "needs year, month and day"),
        ({**UNIT, "columns": "id"}, {"key": ["id"]}, "may make one key of two, for 'id' is part"),
        ({"do": "map", "columns": "id", "values": {"a": "b"}}, {"key": ["id"]}, "{do: duplicates"),
    ],
)
def test_a_step_that_cannot_be_is_told_at_its_place(
    mistakes_of: Finder,
    spec_content: dict[str, Any],
    step: dict[str, Any],
    source: dict[str, Any],
    says: str,
) -> None:
    found = told(mistakes_of, spec_content, {**source, "clean": [step]})
    places = {
        key: words for key, words in found.items() if key.startswith("sources.gauge.clean[0]")
    }
    assert says in " ".join([*places, *places.values()]), found


def test_the_type_that_is_declared_is_the_one_after_cleaning(
    mistakes_of: Finder, spec_content: dict[str, Any]
) -> None:
    source = {"clean": [NUMBER], "types": {"mm": "string"}}
    found = told(mistakes_of, spec_content, source)
    assert "makes it integer or float; got 'string'" in found["sources.gauge.types.mm"]
    right = {"clean": [{"do": "trim", "columns": "mm"}, NUMBER, UNIT], "types": {"mm": "float"}}
    assert not [key for key in told(mistakes_of, spec_content, right) if "sources" in key]
    late = {"clean": [NUMBER, {"do": "trim", "columns": "mm"}]}
    assert (
        "is float, and the step is for text"
        in told(mistakes_of, spec_content, late)["sources.gauge.clean[1]"]
    )


def test_a_step_on_the_key_is_right_where_a_later_one_says_which_row_is_kept(
    mistakes_of: Finder, spec_content: dict[str, Any]
) -> None:
    upper = {"do": "case", "columns": ["id"], "to": "upper"}
    trim = {"do": "trim"}  # of keys that are the same but for blanks validation keeps one row
    for steps, is_right in (([upper, FIRST], True), ([FIRST, upper], False), ([trim], True)):
        found = told(mistakes_of, spec_content, {"key": ["id"], "clean": steps})
        assert is_right == (not [key for key in found if ".clean" in key]), found
