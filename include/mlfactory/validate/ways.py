"""How a rule is answered about rows that come in batches.

`merged`: Great Expectations measures each batch, the measures merge exactly, and it judges them.
`distinct`: it looks at a frame of the distinct values of the column.
`unique`: rows that share values are found by way of the disk.
`whole`: it looks at a frame of all rows, but only of the columns that the rule is about.
`refused`: it looks at one batch, as it will not answer.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Literal

import pandas as pd

from mlfactory.validate.rules import Rule

Way = Literal["merged", "distinct", "unique", "whole", "refused"]

OF_A_ROW = (
    "expect_column_values_",
    "expect_column_value_lengths_",
    "expect_column_pair_values_",
    "expect_multicolumn_",
    "expect_select_column_values_",
)
"""How the names of Great Expectations' rules begin whose answer is one for each row."""

UNIQUE = frozenset({"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"})

OF_OTHER_ROWS = frozenset(
    {
        # an answer for each row as well, but it depends on the others
        "expect_column_values_to_be_unique",
        "expect_column_values_to_be_increasing",
        "expect_column_values_to_be_decreasing",
        "expect_column_values_to_not_be_outliers",
    }
)

MEAN, STDEV, PRESENT = "column.mean", "column.standard_deviation", "column.non_null_count"

_MOMENTS = frozenset({"expect_column_mean_to_be_between", "expect_column_stdev_to_be_between"})

_MERGED = _MOMENTS | frozenset(
    {
        "expect_column_max_to_be_between",
        "expect_column_min_to_be_between",
        "expect_column_sum_to_be_between",
        "expect_column_proportion_of_non_null_values_to_be_between",
        "expect_column_to_exist",
        "expect_column_type_to_be",
        "expect_table_column_count_to_be_between",
        "expect_table_column_count_to_equal",
        "expect_table_columns_to_match_ordered_list",
        "expect_table_columns_to_match_set",
        "expect_table_row_count_to_be_between",
        "expect_table_row_count_to_equal",
    }
)
_OF_NUMBERS = _MOMENTS | {"expect_column_sum_to_be_between"}
_DISTINCT = frozenset(
    {
        "expect_column_distinct_values_to_be_in_set",
        "expect_column_distinct_values_to_contain_set",
        "expect_column_distinct_values_to_equal_set",
        "expect_column_unique_value_count_to_be_between",
    }
)


def way_of(rule: Rule, frame: pd.DataFrame, nested: Set[str] = frozenset()) -> Way:
    """Return how a rule is answered about a partition.

    Args:
        frame: one of its batches.
        nested: the columns of lists, structs and the like, whose values cannot be told apart by a
            hash; only Great Expectations knows what it says of these.
    """
    about_rows = rule.type.startswith(OF_A_ROW) and rule.type not in OF_OTHER_ROWS
    if rule.type != "expect_column_to_exist" and not set(rule.needs) <= set(frame):
        return "refused"
    if rule.type in UNIQUE | _DISTINCT and nested & set(rule.columns):
        return "whole"
    if rule.type in UNIQUE:
        return "unique"
    if rule.type in _DISTINCT:
        # which rows a value stands in is not known of the distinct values
        return "distinct" if rule.where is None else "whole"
    # what else there is the sum or the mean of, such as texts, is not added up here
    if rule.type in _OF_NUMBERS and not _are_numbers(frame[rule.columns[0]]):
        return "whole"
    return "merged" if about_rows or rule.type in _MERGED else "whole"


def has_moments(rule: Rule) -> bool:
    """Tell whether a rule is about a mean or a deviation, which merge with the rows' number."""
    return rule.type in _MOMENTS


def _are_numbers(column: pd.Series) -> bool:
    kind = column.dtype
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
