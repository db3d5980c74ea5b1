"""What the rules of ours cannot do is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlfactory.product.errors import Mistake

Finder = Callable[[dict[str, Any]], list[Mistake]]
GAUGE = {"kind": "csv", "path": "gauge.csv", "event_time": "at", "key": ["station", "at"]}
PLACES = {"kind": "csv", "path": "places.csv"}
PLAIN = {"type": "expect_column_values_to_not_be_null", "column": "mm"}


def match(source: str, **more: Any) -> dict[str, Any]:
    return {"type": "expect_rows_to_match", "source": source, "on": {"station": "station"}, **more}


def spec_with(content: dict[str, Any], expect: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**content, "sources": {"gauge": GAUGE, "places": PLACES}, "expect": expect, **more}


@pytest.mark.parametrize(
    "rule",
    [
        {**PLAIN, "row_condition": "mm > 3 and station is not null", "condition_parser": "pandas"},
        {**PLAIN, "row_condition": {"type": "nullity", "column": {"name": "a"}, "is_null": True}},
        {"type": "expect_table_row_count_to_be_between", "min_value": 1, "row_condition": "a > 1"},
        {"type": "expect_rows_to_satisfy", "condition": "a > b", "mostly": 0.9},
        match("places", mostly=0.99, rows="landed", row_condition="mm > 0"),
        {"type": "expect_rows_to_be_new"},
        {"type": "expect_rows_to_be_new", "column_list": ["mm"], "within": "7 partitions"},
        {"type": "expect_row_count_to_be_usual", "severity": "critical"},
        {"type": "expect_newest_event_to_be_recent", "at_most": "2 hours"},
        {"type": "expect_columns_to_be_as_before", "severity": "critical"},
    ],
)
def test_rules_of_ours_stand_beside_those_of_great_expectations(
    mistakes_of: Finder, spec_content: dict[str, Any], rule: dict[str, Any]
) -> None:
    assert mistakes_of(spec_with(spec_content, {"gauge": [rule]})) == []


@pytest.mark.parametrize(
    ("source", "rule", "key", "says"),
    [
        ("gauge", {**PLAIN, "row_condition": "mm >"}, ".row_condition", "cannot be read"),
        ("gauge", {**PLAIN, "row_condition": "exit()"}, ".row_condition", "neither a column"),
        (
            "gauge",
            {"type": "expect_column_to_exist", "column": "mm", "row_condition": "a > 1"},
            ".row_condition",
            "about the table",
        ),
        (
            "gauge",
            {**PLAIN, "row_condition": "mm > 1", "condition_parser": "spark"},
            ".condition_parser",
            "expected one of ['pandas', 'great_expectations']",
        ),
        ("gauge", match(["places"]), ".source", "valid string"),
        ("gauge", {"type": "expect_rows_to_satisfy"}, "", "needs the argument 'condition'"),
        ("gauge", {"type": "expect_rows_to_satisfy", "condition": 3}, ".condition", "a text or"),
        (
            "gauge",
            {"type": "expect_rows_to_satisfy", "condition": "a", "mostli": 1},
            ".mostli",
            "no such argument (did you mean 'mostly'?)",
        ),
        ("gauge", match("place"), ".source", "no source has this name (did you mean 'places'?)"),
        ("gauge", match("gauge"), ".source", "name another one"),
        ("gauge", match("places", rows="all"), ".rows", "'accepted' or 'landed'"),
        ("gauge", match("places", on={}), ".on", "at least 1 item"),
        ("gauge", match("places", mostly=2), ".mostly", "less than or equal to 1"),
        ("places", {"type": "expect_rows_to_be_new"}, ".type", "no event_time"),
        ("gauge", {"type": "expect_rows_to_be_new", "within": "3 days"}, ".within", "6 partitions"),
        (
            "places",
            {"type": "expect_newest_event_to_be_recent", "at_most": "2 hours"},
            "",
            "name the column with the time",
        ),
        ("gauge", {"type": "expect_rows_to_mach"}, ".type", "did you mean 'expect_rows_to_match'?"),
    ],
)
def test_what_a_rule_cannot_do_is_refused(
    mistakes_of: Finder,
    spec_content: dict[str, Any],
    source: str,
    rule: dict[str, Any],
    key: str,
    says: str,
) -> None:
    found = mistakes_of(spec_with(spec_content, {source: [rule]}))
    told = {mistake.key: mistake.message for mistake in found}
    assert says in told.get(f"expect.{source}[0]{key}", str(found))


def test_sources_that_wait_for_each_others_accepted_rows_are_refused(
    mistakes_of: Finder, spec_content: dict[str, Any]
) -> None:
    expect = {"gauge": [match("places")], "places": [match("gauge")]}
    (found,) = mistakes_of(spec_with(spec_content, expect))
    assert "gauge and places wait for each other" in found.message
    expect["places"] = [match("gauge", rows="landed")]
    assert mistakes_of(spec_with(spec_content, expect)) == []


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "expect_rows_to_be_new"},
        {"type": "expect_row_count_to_be_usual"},
        {"type": "expect_newest_event_to_be_recent", "at_most": "2 hours", "column": "at"},
        {"type": "expect_columns_to_be_as_before"},
    ],
)
def test_a_snapshot_has_no_partition_before(
    mistakes_of: Finder, spec_content: dict[str, Any], rule: dict[str, Any]
) -> None:
    content = {
        **spec_content,
        "partition": {"every": "snapshot"},
        "features": {"key": ["station"], "numeric": ["mm"]},
        "sources": {"gauge": {"kind": "csv", "path": "a.csv", "key": ["station"]}},
        "expect": {"gauge": [rule]},
    }
    found = [each for each in mistakes_of(content) if each.key.startswith("expect")]
    assert any("a snapshot has none" in each.message for each in found)


def test_a_rule_about_a_column_that_is_dropped_is_refused_in_conditions_too(
    mistakes_of: Finder, spec_content: dict[str, Any]
) -> None:
    rule = {"type": "expect_rows_to_satisfy", "condition": "secret == 'x'"}
    content = spec_with(spec_content, {"gauge": [rule]})
    content["sources"]["gauge"] = {**GAUGE, "pii": {"secret": "drop"}}
    (found,) = mistakes_of(content)
    assert "a rule of expect.gauge is about it" in found.message
