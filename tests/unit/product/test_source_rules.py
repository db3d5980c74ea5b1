from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlfactory.product.errors import Mistake

Finder = Callable[[str | dict[str, Any]], list[Mistake]]

GAUGE = {"kind": "csv", "path": "gauge.csv", "event_time": "at"}


@pytest.mark.parametrize(
    ("source", "key", "says"),
    [
        ({"formats": {"at": "%d/%m"}}, "formats.at", "needs year, month and day"),
        ({"formats": {"at": "%d/%m/%Q"}}, "formats.at", "is not a format of strptime"),
        ({"formats": {"at": "DD/MM/YYYY"}}, "formats.at", "needs year, month and day"),
        (
            {"formats": {"seen": "%d/%m/%Y"}, "types": {"seen": "string"}},
            "types.seen",
            "is a column with a format, which is read as datetime; got 'string'",
        ),
        ({"header": ["at", "mm", "at"]}, "header[2]", "the name 'at' stands twice"),
        ({"header": ["at", " "]}, "header[1]", "is empty"),
        ({"header": ["when", "mm"]}, "event_time", "the header given has no 'at'"),
        (
            {"header": ["at", "station"], "key": ["stations"]},
            "key[0]",
            "the header given has no 'stations' (did you mean 'station'?)",
        ),
        ({"header": []}, "header", "at least 1 item"),
        ({"header": ["at", "mail"], "pii": {"email": "hash"}}, "pii.email", "has no 'email'"),
        ({"pii": {"at": "hash"}}, "pii.at", "is the event_time"),
        ({"key": ["id"], "pii": {"id": "drop"}}, "pii.id", "is part of the key"),
        ({"types": {"age": "integer"}, "pii": {"age": "hash"}}, "pii.age", "so that it is text"),
        ({"types": {"age": "string"}, "pii": {"age": "drop"}}, "pii.age", "has a type or a format"),
        ({"pii": {"age": "encrypt"}}, "pii.age", "hash"),
        ({"arrives_within": "soon"}, "arrives_within", "expected something like '30 days'"),
    ],
)
def test_parts_of_a_source_that_do_not_fit_are_told(
    mistakes_of: Finder, spec_content: dict[str, Any], source: dict[str, Any], key: str, says: str
) -> None:
    found = mistakes_of({**spec_content, "sources": {"gauge": {**GAUGE, **source}}})
    told = {mistake.key: mistake.message for mistake in found}
    assert f"sources.gauge.{key}" in told
    assert says in told[f"sources.gauge.{key}"]


def test_a_rule_about_a_column_that_is_dropped_is_told(
    mistakes_of: Finder, spec_content: dict[str, Any]
) -> None:
    source = {**GAUGE, "pii": {"mail": "drop", "phone": "hash"}}
    rules = [
        {"type": "expect_column_values_to_not_be_null", "column": "phone"},
        {"type": "expect_column_values_to_not_be_null", "column": "mail"},
    ]
    content = {**spec_content, "sources": {"gauge": source}, "expect": {"gauge": rules}}
    (found,) = mistakes_of(content)
    assert (found.key, "a rule of expect.gauge" in found.message) == (
        "sources.gauge.pii.mail",
        True,
    )


def test_a_file_can_be_described_as_it_is(
    mistakes_of: Finder, spec_content: dict[str, Any]
) -> None:
    source = {
        **GAUGE,
        "header": ["at", "station", "seen"],
        "formats": {"at": "%d/%m/%Y %H:%M", "seen": "%Y%m%d"},
        "missing": ["NA", "-"],
        "arrives_within": "2 days",
    }
    assert mistakes_of({**spec_content, "sources": {"gauge": source}}) == []
