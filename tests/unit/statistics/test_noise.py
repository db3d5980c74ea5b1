"""Equals pass a gate of 5 % about that often, whatever days have in common and however many.

The simulations have bounds wide enough for their few repetitions; `make chance` makes the table.
"""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.fft import idct
from scipy.signal import lfilter

from mlfactory.statistics.noise import DAYS, ENOUGH, Noise, noise
from mlfactory.statistics.statistic import Floats, Ints

RUNS = 250


def series(rng: np.random.Generator, days: int, memory: float = 0.0) -> Floats:
    """Return what each of some days brought, with a mean of 0 and a variance of 1 in truth."""
    shocks = rng.normal(size=days)
    shocks[1:] *= np.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], shocks).astype(np.float64)


def chance_of(values: Floats, day: Ints) -> Noise:
    """Return what chance does to the mean of rows."""
    return noise((values - values.mean()) / len(values), day, None)


def passing(
    days: int,
    memory: float = 0.0,
    gain: float = 0.0,
    sizes: Ints | None = None,
    cycle: Floats | float = 0.0,
) -> float:
    """Return how often a mean of rows is found above 0 at 5 %.

    Args:
        gain: the true mean.
        sizes: (days,) rows of each day; one if not given.
        cycle: (days,) what is added to the days.
    """
    rng = np.random.default_rng(7)
    day = np.arange(days) if sizes is None else np.repeat(np.arange(days), sizes)
    passed = 0
    for _ in range(RUNS):
        values = (series(rng, days, memory) + cycle + gain)[day]
        passed += values.mean() > chance_of(values, day).reach(0.05)
    return passed / RUNS


@pytest.mark.parametrize("days", [14, 21, 30, 60, 168])
@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8])
def test_equals_pass_as_often_as_promised(days: int, memory: float) -> None:
    # 2.5 to 7.5 %, and as much as this simulation can be wrong
    assert 0.01 <= passing(days, memory) <= 0.12


@pytest.mark.parametrize("days", [3, 5, 7, 10])
def test_equals_of_too_few_days_pass_no_more_often_than_promised(days: int) -> None:
    assert passing(days, 0.8) <= 0.11 and passing(days) <= 0.05


@pytest.mark.parametrize("days", [28, 60])
def test_a_weekly_cycle_is_hardly_taken_for_chance(days: int) -> None:
    week = np.array([0.6, 0.6, 0.6, 0.6, 0.6, -1.5, -1.5])[np.arange(days) % 7]
    assert 0.01 <= passing(days, cycle=week) <= 0.11
    flat, weekly = passing(days, gain=0.8), passing(days, gain=0.8, cycle=week)
    assert weekly >= flat - 0.12


def test_what_is_better_by_as_much_as_days_differ_is_found_in_a_month() -> None:
    assert passing(30, gain=1.0) > 0.9
    assert passing(60, gain=0.5) > 0.85
    assert passing(14, gain=2.0) > 0.9


def test_a_single_giant_day_lets_nobody_pass() -> None:
    for giant in (8, 15):
        sizes = np.full(30, 1)
        sizes[giant] = 400
        assert passing(30, sizes=sizes) == 0
    values = np.repeat(np.random.default_rng(0).normal(size=30), sizes)
    found = chance_of(values, np.repeat(np.arange(30), sizes))
    assert not found.tells and found.reach(0.05) == np.inf and found.needed > 200


@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_equals_pass_as_rarely_as_promised_on_days_of_unequal_size(memory: float) -> None:
    sizes = np.maximum(1, np.random.default_rng(5).gamma(0.5, 8, 60)).astype(np.intp)
    assert 0.005 <= passing(60, memory, sizes=sizes) <= 0.11
    growing = (1 + np.arange(60) ** 1.5 / 10).astype(np.intp)
    assert passing(60, memory, sizes=growing) <= 0.11


def test_fewer_than_two_weeks_cannot_tell_and_say_how_many_days_can() -> None:
    rng = np.random.default_rng(0)
    short, enough = (chance_of(series(rng, days), np.arange(days)) for days in (13, 14))
    assert not short.tells and short.needed == DAYS == 14
    assert enough.tells and enough.needed == 14


def test_a_few_groups_cannot_tell() -> None:
    rng = np.random.default_rng(0)
    values, groups = rng.normal(size=400), np.arange(400) % 4
    found = noise((values - values.mean()) / 400, None, groups)
    assert not found.tells and found.needed == ENOUGH


def passing_with_customers(runs: int, memory: float, of_days: float, level: float = 0.05) -> float:
    """Return how often a mean of rows that are of days and of customers is found above 0.

    Args:
        of_days: standard deviation of what a day brings.
    """
    rng = np.random.default_rng(6)
    day, passed = np.repeat(np.arange(30), 10), 0
    for _ in range(runs):
        customer = rng.integers(40, size=len(day))
        of_both = rng.normal(size=40)[customer] / 2 + of_days * series(rng, 30, memory)[day]
        values = of_both + rng.normal(size=len(day))
        found = noise((values - values.mean()) / len(day), day, customer)
        passed += values.mean() > found.reach(level)
    return passed / runs


def test_what_a_few_cosines_found_small_is_not_believed_far_out() -> None:
    """At 0.6 % equals passed in 2.8 % of cases, if customers alone lent their freedom."""
    assert passing_with_customers(600, 0.8, 0.5, level=0.006) <= 0.018


@pytest.mark.parametrize(("days", "cosines"), [(15, 2), (30, 2), (600, 40)])
def test_other_days_like_these_would_know_what_they_know(days: int, cosines: int) -> None:
    """More days know how large chance is as well, not only less of it."""

    def alike(count: int, waves: int) -> Noise:
        ones = (np.arange(count) > 0) & (np.arange(count) <= waves)
        return noise(idct(1.0 * ones, norm="ortho") / count, np.arange(count), None)

    distance = alike(300, 20).reach(0.05)
    wanted = alike(days, cosines).units_to_reach(distance, 0.05)
    assert wanted == pytest.approx(max(300, days), rel=0.01)


def test_two_days_and_what_is_undefined_tell_nothing() -> None:
    for found in (
        chance_of(np.array([1.0, 2.0]), np.arange(2)),
        noise(np.full(30, np.nan), np.arange(30), None),
        noise(np.array([]), None, None),
    ):
        assert not found.tells
        assert np.isnan([found.reach(0.05), found.reach_above(0.05), found.beyond(1.0)]).all()
        assert found.units_to_reach(1.0, 0.05) == np.inf


def test_the_reach_is_where_chance_has_the_tail_that_was_asked_for() -> None:
    rng = np.random.default_rng(3)
    uneven = np.repeat(np.arange(40), rng.integers(1, 9, 40))
    for found in (
        chance_of(series(rng, 40), np.arange(40)),
        chance_of(series(rng, 40)[uneven], uneven),
        noise(rng.normal(size=40) / 40, None, None),
    ):
        for tail in (0.25, 0.05, 0.01):
            assert found.beyond(found.reach(tail)) == pytest.approx(tail, rel=1e-6)
            assert found.beyond(-found.reach_above(tail)) == pytest.approx(1 - tail, rel=1e-6)
        assert found.beyond(0.0) == 0.5


@pytest.mark.parametrize("of_days", [True, False])
def test_as_many_units_as_were_said_to_show_a_difference_would_show_it(of_days: bool) -> None:
    rng = np.random.default_rng(4)
    found = (
        chance_of(series(rng, 30), np.arange(30))
        if of_days
        else noise(rng.normal(size=30) / 30, None, None)
    )
    distance = found.reach(0.05) / 2
    wanted = found.units_to_reach(distance, 0.05)
    assert 30 < wanted < 200
    assert found.units_to_reach(2.2 * distance, 0.05) <= 31
    assert found.units_to_reach(distance, 0.01) > wanted
    assert found.units_to_reach(0.0, 0.05) == np.inf


def test_a_hundred_thousand_rows_take_little_memory_and_time() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=100_000)
    tracemalloc.start()
    chance_of(values, np.arange(100_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6
