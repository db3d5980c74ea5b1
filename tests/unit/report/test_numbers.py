from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from mlfactory.report.numbers import written, written_column


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (float("nan"), "—"),
        (True, "yes"),
        (np.True_, "yes"),
        (27004, "27,004"),
        (np.int64(-1200), "-1,200"),
        (0.66314, "0.6631"),
        (0.62, "0.62"),
        (np.float64(12345.6), "12,346"),
        (0.0000123, "1.23e-05"),
        (float("inf"), "∞"),
        (datetime(2013, 4, 1, 5, tzinfo=UTC), "2013-04-01 05:00 UTC"),
        (["a", 2000], "a, 2,000"),
        ((), "—"),
        ("", "—"),
    ],
)
def test_a_value_is_written_for_people(value, text):
    assert written(value) == text


def test_small_figures_of_a_column_share_their_decimals():
    assert written_column([0.5, 0.66314, None, 0.0]) == ["0.5000", "0.6631", "—", "0.0000"]


def test_a_figure_too_small_for_the_shared_decimals_is_not_written_as_zero():
    assert written_column([0.5, 0.00001]) == ["0.5000", "1e-05"]


def test_columns_of_large_or_mixed_figures_keep_each_its_own_form():
    assert written_column([1234.5, 0.62]) == ["1,234", "0.62"]
    assert written_column(["a", 3]) == ["a", "3"]
