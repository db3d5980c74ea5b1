"""Estimates about all rows, of some that were drawn: held to a truth that is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from mlfactory.statistics.agreement import agreement
from mlfactory.statistics.drawn import Stratum, mean_of_all

ROWS, SURE, DRAWN, TIMES = 2000, 40, 60, 600


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.4])
def test_the_truth_lies_in_the_interval_as_often_as_is_said_where_the_plain_mean_is_wrong(
    rate: float,
) -> None:
    """Errors lie where the model is unsure, and just these rows are chosen surely."""
    random = np.random.default_rng(7)
    held, values, plain, wide = 0, [], [], []
    for _ in range(TIMES):
        unsure = np.sort(random.random(ROWS))[::-1]
        errors = (random.random(ROWS) < np.clip(rate * 2 * unsure**2, 0, 1)).astype(float)
        drawn = random.choice(np.arange(SURE, ROWS), DRAWN, replace=False)
        strata = [Stratum(errors[:SURE], SURE), Stratum(errors[drawn], ROWS - SURE)]
        found = mean_of_all(strata, most=1.0)
        held += found.low <= errors.mean() <= found.high
        values.append(found.value - errors.mean())
        plain.append(np.concatenate([errors[:SURE], errors[drawn]]).mean() - errors.mean())
        wide.append(found.high - found.low)
    assert 0.93 <= held / TIMES <= 0.995
    # without bias, where the plain mean is off by far
    assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(TIMES)
    assert np.mean(plain) > 10 * abs(np.mean(values))
    assert max(wide) < 0.3


@pytest.mark.parametrize("rate", [0.02, 0.05])
@pytest.mark.parametrize("drawn", [10, 30])
@pytest.mark.parametrize("partitions", [6, 12, 30])
def test_many_small_partitions_hold_the_truth_together(
    partitions: int, drawn: int, rate: float
) -> None:
    random, rows, times = np.random.default_rng(5), 500, 1000
    truth = round(rows * rate) / rows
    # how many errors are among the rows that are drawn, in each partition
    errors = random.hypergeometric(
        round(rows * rate), rows - round(rows * rate), drawn, size=(times, partitions)
    )
    held = 0
    for of_partitions in errors:
        strata = [
            Stratum((np.arange(drawn) < found).astype(np.float64), rows) for found in of_partitions
        ]
        found = mean_of_all(strata, most=1.0)
        held += found.low - 1e-9 <= truth <= found.high + 1e-9
    assert held / times >= 0.93


def test_a_stratum_whose_few_rows_are_all_right_is_not_taken_to_be_known() -> None:
    # the spread that is seen is that of a stratum of one row in ten
    sure = Stratum(np.repeat([0.0, 1.0], 10), 50)
    held, times, random = 0, 1000, np.random.default_rng(6)
    for found in random.hypergeometric(15, 435, 10, size=times):
        others = Stratum((np.arange(10) < found).astype(np.float64), 450)
        estimate = mean_of_all([sure, others], most=1.0)
        held += estimate.low <= (25 + 15) / 500 <= estimate.high
    assert held / times >= 0.93


def test_few_rows_that_are_left_make_the_interval_narrow() -> None:
    values = np.repeat([0.0, 1.0], 40)
    wide, narrow = (mean_of_all([Stratum(values, of)], most=1.0) for of in (100_000, 84))
    assert narrow.high - narrow.low < 0.25 * (wide.high - wide.low)


@pytest.mark.parametrize("drawn", [DRAWN, ROWS // 2])
def test_numbers_without_an_end_have_students_interval(drawn: int) -> None:
    random = np.random.default_rng(8)
    held = 0
    for _ in range(TIMES):
        rows = random.normal(3, 2, ROWS)
        some = random.choice(rows[SURE:], drawn, replace=False)
        found = mean_of_all([Stratum(rows[:SURE], SURE), Stratum(some, ROWS - SURE)])
        held += found.low <= rows.mean() <= found.high
    assert 0.93 <= held / TIMES <= 0.97


def test_rows_that_were_all_looked_at_are_no_estimate_and_a_stratum_without_any_is_none() -> None:
    whole = Stratum(np.array([0.0, 1.0]), 2)
    found = mean_of_all([whole], most=1.0)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    assert math.isnan(mean_of_all([whole, Stratum(np.array([]), 5)], most=1.0).value)
    assert math.isnan(mean_of_all([]).value)
    assert mean_of_all([whole, Stratum(np.array([]), 0)]).value == 0.5
    one = mean_of_all([Stratum(np.array([2.0]), 5)])
    assert one.value == 2.0 and math.isnan(one.low)


def test_numbers_that_were_all_the_same_say_nothing_of_the_spread() -> None:
    same = Stratum(np.zeros(8), 500)
    for strata in ([same], [same, Stratum(np.arange(8.0), 50)]):
        found = mean_of_all(strata)
        assert found.value < 1 and math.isnan(found.low) and math.isnan(found.high)
    # a stratum that was looked at as a whole has none to be known
    found = mean_of_all([Stratum(np.zeros(8), 8), Stratum(np.arange(8.0), 50)])
    assert found.low < found.value < found.high


def test_no_error_among_few_is_no_proof_of_none() -> None:
    found = mean_of_all([Stratum(np.zeros(20), 1000)], most=60.0)
    assert found.low == 0 and 60 * 0.1 < found.high < 60 * 0.25


def test_kappa_is_what_others_say_it_is() -> None:
    random = np.random.default_rng(9)
    one = random.choice(["a", "b", "c"], 300).astype(object)
    other = np.where(random.random(300) < 0.7, one, random.choice(["a", "b", "c"], 300))
    found = agreement(one, other.astype(object))
    assert found.rows == 300
    assert found.kappa == pytest.approx(cohen_kappa_score(list(one), list(other)))
    assert found.raw == np.mean(one == other)


def test_who_both_say_one_thing_only_have_no_kappa() -> None:
    same = np.array([1.0, 1.0], dtype=object)
    assert agreement(same, same).raw == 1 and math.isnan(agreement(same, same).kappa)
    nothing = np.array([], dtype=object)
    assert agreement(nothing, nothing).rows == 0
