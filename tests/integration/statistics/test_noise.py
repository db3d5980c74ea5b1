"""How often noise is taken for a feature's worth, by many simulated worlds."""

from __future__ import annotations

import pytest
from tests.unit.statistics.test_noise import RUNS, passing_with_customers


@pytest.mark.parametrize(("memory", "of_days"), [(0.0, 0.5), (0.8, 0.5), (0.0, 0.0)])
def test_equals_pass_as_often_as_promised_where_customers_have_days(
    memory: float, of_days: float
) -> None:
    """They passed in 1 % of cases: two cosines of days were all the freedom that there was."""
    assert 0.025 <= passing_with_customers(2 * RUNS, memory, of_days) <= 0.1
