from __future__ import annotations

import pytest

from mlfactory.product.expectations import (
    expectation_arguments,
    expectation_names,
    required_arguments,
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
        ("expect_column_values_to_be_in_type_list", {"column"}),
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
    assert all(expectation_arguments(name) for name in expectation_names())
