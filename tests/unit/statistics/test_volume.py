"""The band of usual numbers of rows: how often it is wrong, and what it finds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mlfactory.statistics.volume import FEWEST, MOST, usual_count

Counts = Callable[[np.random.Generator, int], np.ndarray]
SIMULATED = 3000


def outside(history: int, counts: Counts, times: int = SIMULATED) -> float:
    """Return the share of newest counts that lie outside the band of those before."""
    random, found = np.random.default_rng(7), 0
    for _ in range(times):
        newest, *before = (int(each) for each in counts(random, history + 1))
        band = usual_count(before)
        assert band is not None
        found += not band.low <= newest <= band.high
    return found / times


def by_a_factor(spread: float) -> Counts:
    return lambda random, size: np.exp(8 + spread * random.standard_normal(size))


def with_memory(random: np.random.Generator, size: int) -> np.ndarray:
    values = [random.standard_normal()]
    for _ in range(size - 1):
        values.append(0.7 * values[-1] + 0.714 * random.standard_normal())
    return np.exp(8 + 0.3 * np.array(values[::-1]))


def growing(random: np.random.Generator, size: int) -> np.ndarray:
    return np.exp(8 + 0.1 * random.standard_normal(size) - 0.03 * np.arange(size))


@pytest.mark.parametrize("history", [FEWEST, MOST])
@pytest.mark.parametrize(
    ("counts", "at_most"),
    [
        (by_a_factor(0.3), 0.015),
        (by_a_factor(0.02), 0.001),
        (lambda random, size: random.poisson(3, size), 0.005),
        (lambda random, size: random.poisson(400, size), 0.005),
        (with_memory, 0.02),
        (growing, 0.02),
        # tails as heavy as Student's with three degrees of freedom
        (lambda random, size: np.exp(8 + 0.3 * random.standard_t(3, size)), 0.05),
    ],
)
def test_false_alarms_are_as_rare_as_is_said(history: int, counts: Counts, at_most: float) -> None:
    assert outside(history, counts) <= at_most


@pytest.mark.parametrize("history", range(FEWEST, MOST + 1))
def test_false_alarms_are_not_rarer_than_is_said_either(history: int) -> None:
    # a band that is wider than it need be finds less
    assert 0.0075 <= outside(history, by_a_factor(0.3), 6 * SIMULATED) <= 0.0125


def test_half_of_the_rows_is_found_where_counts_are_steady() -> None:
    def halved(random: np.random.Generator, size: int) -> np.ndarray:
        found = by_a_factor(0.05)(random, size)
        found[0] /= 2
        return found

    assert outside(MOST, halved) > 0.99


def test_one_odd_day_in_the_history_moves_the_band_little() -> None:
    steady = [1000, 1010, 990, 1005, 995, 1000, 1002, 998, 1003, 997, 1001, 999]
    plain, odd = usual_count(steady), usual_count([*steady[:-1], 100_000])
    assert plain is not None and odd is not None
    assert 700 < plain.low < 900 and 1100 < plain.high < 1500
    assert abs(odd.low - plain.low) < 50 and abs(odd.high - plain.high) < 50


def test_with_little_history_nothing_is_said() -> None:
    assert usual_count([1000] * (FEWEST - 1)) is None


def test_nothing_may_be_usual() -> None:
    band = usual_count([0] * FEWEST)
    assert band is not None and band.low == 0
