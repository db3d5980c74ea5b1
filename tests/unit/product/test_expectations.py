from __future__ import annotations

from datetime import date

import pytest

from mlfactory.product.expectations import (
    expectation_arguments,
    expectation_names,
    required_arguments,
    unfit,
)


def test_the_names_are_those_of_great_expectations() -> None:
    names = expectation_names()
    assert {
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_not_be_null",
        "expect_table_row_count_to_be_between",
        "expect_compound_columns_to_be_unique",
    } <= names
    assert all(name.startswith("expect_") for name in names)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("expect_column_values_to_be_in_set", {"column", "mostly", "value_set"}),
        (
            "expect_column_values_to_be_between",
            {"column", "mostly", "min_value", "max_value", "strict_min", "strict_max"},
        ),
        (
            "expect_table_row_count_to_be_between",
            {"min_value", "max_value", "strict_min", "strict_max"},
        ),
        ("expect_compound_columns_to_be_unique", {"column_list", "mostly", "ignore_row_if"}),
    ],
)
def test_an_expectation_takes_the_arguments_of_its_class(name: str, arguments: set[str]) -> None:
    assert arguments <= expectation_arguments(name)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("expect_column_values_to_be_between", {"column"}),
        ("expect_column_values_to_be_in_set", {"column", "value_set"}),
        ("expect_column_values_to_not_match_regex", {"column", "regex"}),
        ("expect_column_pair_values_to_be_equal", {"column_A", "column_B"}),
        ("expect_compound_columns_to_be_unique", {"column_list"}),
        ("expect_table_row_count_to_be_between", set()),
        ("expect_column_values_to_be_of_type", {"column", "type_"}),
    ],
)
def test_an_expectation_needs_what_its_class_has_no_default_for(
    name: str, arguments: set[str]
) -> None:
    assert required_arguments(name) == arguments


@pytest.mark.parametrize(
    "name", ["expect_column_values_to_be_in_set", "expect_table_row_count_to_be_between"]
)
def test_what_the_classes_keep_for_themselves_is_no_argument(name: str) -> None:
    hidden = {"args_keys", "domain_keys", "success_keys", "library_metadata", "row_condition"}
    assert not hidden & expectation_arguments(name)


def test_expectations_that_great_expectations_has_not_finished_are_left_out() -> None:
    assert "expect_column_chisquare_test_p_value_to_be_greater_than" not in expectation_names()
    assert "expect_multicolumn_values_to_be_unique" not in expectation_names()
    assert {name for name in expectation_names() if not expectation_arguments(name)} == set()


def test_expectations_of_databases_are_left_out() -> None:
    assert "expect_query_results_to_match_comparison" not in expectation_names()
    assert "expect_column_values_to_match_like_pattern" not in expectation_names()


def test_every_expectation_offered_can_be_made() -> None:
    from great_expectations.expectations.registry import get_expectation_impl

    for name in expectation_names():
        made = get_expectation_impl(name)
        fields = set(made.__fields__)
        assert expectation_arguments(name) <= fields, name
        wanted = {field.name for field in made.__fields__.values() if field.required}
        assert required_arguments(name) == wanted & expectation_arguments(name), name


@pytest.mark.parametrize(
    ("name", "argument", "value", "expected"),
    [
        ("expect_column_values_to_be_between", "column", 5, "text"),
        ("expect_column_values_to_be_between", "mostly", 1.5, "at most 1"),
        ("expect_column_values_to_be_between", "strict_min", "yes", "a boolean"),
        ("expect_column_values_to_be_in_set", "value_set", "EWR", "a list"),
        ("expect_compound_columns_to_be_unique", "column_list", "id", "a list"),
        ("expect_table_row_count_to_be_between", "min_value", "many", "a integer or a date"),
        ("expect_column_pair_values_to_be_equal", "ignore_row_if", "never", "one of"),
    ],
)
def test_a_value_that_an_argument_cannot_take_is_told(
    name: str, argument: str, value: object, expected: str
) -> None:
    assert expected in unfit(name, argument, value)


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("expect_column_values_to_be_between", "min_value", 0),
        ("expect_column_values_to_be_between", "min_value", "2026-01-01"),
        ("expect_column_values_to_be_between", "max_value", date(2026, 1, 1)),
        ("expect_column_values_to_be_between", "mostly", 0.99),
        ("expect_column_values_to_be_in_set", "value_set", ["EWR", "JFK"]),
        ("expect_column_values_to_be_in_set", "value_set", [1, 2.5]),
        ("expect_table_columns_to_match_set", "column_set", ["a", "b"]),
    ],
)
def test_values_that_great_expectations_takes_are_taken(
    name: str, argument: str, value: object
) -> None:
    assert unfit(name, argument, value) == ""
