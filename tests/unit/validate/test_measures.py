"""What is measured here is what Great Expectations measures, figure by figure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from great_expectations.expectations.registry import get_expectation_impl
from great_expectations.validator.metrics_calculator import MetricsCalculator

from mlfactory.validate.measures import engine_of, measured
from mlfactory.validate.suite import FORMAT

ROWS = 300
BETWEEN = "expect_column_values_to_be_between"
LENGTHS = "expect_column_value_lengths_to_be_between"
PAIR = "expect_column_pair_values_a_to_be_greater_than_b"
EQUAL = "expect_column_pair_values_to_be_equal"


def frame() -> pd.DataFrame:
    """Return columns of every kind that a landed table has, with gaps and without."""
    dice = np.random.default_rng(7)

    def gaps(values: Any, kind: Any = None) -> pd.Series:
        found = pd.Series(values, dtype=kind) if kind else pd.Series(values)
        return found.mask(pd.Series(dice.random(ROWS) < 0.2))

    numbers = dice.normal(size=ROWS) * 5
    words = pd.Series(
        dice.choice(["EWR", "JFK", "lga", "", "12", "Ä", '{"a": 1}'], ROWS), dtype="str"
    )
    times = pd.Series(pd.date_range("2025-01-01", periods=ROWS, freq="h", tz="UTC"))
    return pd.DataFrame(
        {
            "whole": dice.integers(-5, 5, ROWS),
            "large": gaps(dice.integers(-5, 5, ROWS), "Int64"),
            "float": numbers,
            "gappy": gaps(numbers),
            "word": words,
            "some_words": gaps(words),
            "flag": dice.random(ROWS) < 0.5,
            "some_flags": gaps((dice.random(ROWS) < 0.5).astype(object)),
            "time": times,
            "some_times": gaps(times),
            "nothing": pd.Series([None] * ROWS, dtype="float64"),
            "none_of_text": pd.Series([None] * ROWS, dtype="str"),
        }
    )


COLUMNS = list(frame())
NOON = datetime(2025, 1, 3, 12, tzinfo=UTC)
OF_ONE: list[tuple[str, dict[str, Any]]] = [
    ("expect_column_values_to_not_be_null", {}),
    ("expect_column_values_to_be_null", {}),
    (BETWEEN, {"min_value": -2, "max_value": 3}),
    (BETWEEN, {"min_value": 0, "strict_min": True}),
    (BETWEEN, {"max_value": NOON}),
    ("expect_column_values_to_be_in_set", {"value_set": ["EWR", "JFK"]}),
    ("expect_column_values_to_be_in_set", {"value_set": [1, 2, True]}),
    ("expect_column_values_to_not_be_in_set", {"value_set": ["lga", 3]}),
    ("expect_column_values_to_match_regex", {"regex": "^[A-Z]"}),
    ("expect_column_values_to_not_match_regex", {"regex": r"\d"}),
    ("expect_column_values_to_match_regex_list", {"regex_list": ["^E", "K$"]}),
    ("expect_column_values_to_not_match_regex_list", {"regex_list": ["^E", "K$"]}),
    (LENGTHS, {"min_value": 2, "max_value": 3}),
    ("expect_column_value_lengths_to_equal", {"value": 3}),
    ("expect_column_values_to_match_strftime_format", {"strftime_format": "%H"}),
    ("expect_column_values_to_be_json_parseable", {}),
    ("expect_column_values_to_be_dateutil_parseable", {}),
    ("expect_column_values_to_be_of_type", {"type_": "float64"}),
    ("expect_column_values_to_be_unique", {}),
]
OF_TWO: list[tuple[str, dict[str, Any]]] = [
    (PAIR, {}),
    (PAIR, {"or_equal": True, "ignore_row_if": "either_value_is_missing"}),
    (PAIR, {"ignore_row_if": "neither"}),
    (EQUAL, {}),
    (EQUAL, {"ignore_row_if": "either_value_is_missing"}),
]
PAIRS = [("float", "gappy"), ("whole", "large"), ("time", "some_times"), ("word", "some_words")]
ASKED = [
    *((kind, {"column": column, **given}) for kind, given in OF_ONE for column in COLUMNS),
    *(
        (kind, {"column_A": a, "column_B": b, **given})
        for kind, given in OF_TWO
        for a, b in [*PAIRS, *((b, a) for a, b in PAIRS), ("float", "float"), ("word", "float")]
    ),
]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if pd.isna(one) and pd.isna(other):
        return True
    return type(one) is type(other) and bool(one == other)


@pytest.fixture(scope="module")
def told() -> dict[int, tuple[int, list[str]]]:
    """Return of each rule how many figures were measured here, and which differ."""
    rows, found = frame(), {}
    engine = engine_of(rows)
    for place, (kind, arguments) in enumerate(ASKED):
        needed = get_expectation_impl(kind)(**arguments).get_validation_dependencies(
            engine, {"result_format": FORMAT}
        )
        asked = list(needed.metric_configurations.values())
        mine, rest = measured(rows, asked)
        theirs, _ = MetricsCalculator(engine).compute_metrics(asked, {"result_format": FORMAT})
        assert {each.id for each in asked} == set(mine) | {each.id for each in rest}
        wrong = [
            f"{each.metric_name}: {mine[each.id]!r:.200}, theirs {theirs.get(each.id)!r:.200}"
            for each in asked
            if each.id in mine and not same(mine[each.id], theirs.get(each.id, "a crash"))
        ]
        found[place] = (
            sum(each.metric_name != "table.row_count" for each in asked) - len(rest),
            wrong,
        )
    return found


@pytest.mark.parametrize("place", range(len(ASKED)), ids=lambda place: str(ASKED[place])[:90])
def test_each_figure_is_great_expectations_own(
    place: int, told: dict[int, tuple[int, list[str]]]
) -> None:
    assert told[place][1] == []


def test_the_rules_that_most_products_have_are_measured_here(
    told: dict[int, tuple[int, list[str]]],
) -> None:
    here = {ASKED[place][0] for place, (count, _) in told.items() if count}
    assert here >= {
        BETWEEN,
        LENGTHS,
        PAIR,
        EQUAL,
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_match_regex",
        "expect_column_value_lengths_to_equal",
    }


def test_a_rule_with_a_row_condition_is_great_expectations_to_measure() -> None:
    rows = frame()
    rule = get_expectation_impl(BETWEEN)(
        column="float",
        min_value=0,
        row_condition='col("word") == "EWR"',
        condition_parser="great_expectations",
    )
    needed = rule.get_validation_dependencies(engine_of(rows), {"result_format": FORMAT})
    found, rest = measured(rows, needed.metric_configurations.values())
    assert not found
    assert len(rest) == len(needed.metric_configurations)
