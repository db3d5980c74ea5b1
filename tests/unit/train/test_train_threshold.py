from __future__ import annotations

import numpy as np
import pytest

from mlfactory.product.spec import Business
from mlfactory.train.threshold import chosen_threshold, cost_by_threshold, implied_threshold

COSTS = Business(false_negative=60, false_positive=12)


def cost(y, scores, threshold, false_negative, false_positive):
    said = scores >= threshold
    return np.mean(false_negative * (y & ~said) + false_positive * (~y & said))


def late(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and their true probabilities."""
    random = np.random.default_rng(seed)
    chance = 1 / (1 + np.exp(-(1.2 * random.normal(size=rows) - 1.8)))
    return (random.random(rows) < chance).astype(np.intp), chance


def test_costs_by_threshold_are_those_of_deciding_with_it():
    y = np.array([0, 1, 0, 1, 1])
    scores = np.array([0.1, 0.2, 0.2, 0.7, 0.9])
    thresholds, costs = cost_by_threshold(y, scores, 3.0, 2.0)
    assert len(thresholds) == 5
    expected = [cost(y == 1, scores, threshold, 3.0, 2.0) for threshold in thresholds]
    assert costs == pytest.approx(expected)


def test_no_threshold_is_above_1_even_where_a_score_is_1():
    y, scores = np.array([0, 1, 0, 1]), np.array([0.9, 0.1, 1.0, 0.2])
    thresholds, _ = cost_by_threshold(y, scores, 1.0, 1000.0)
    assert thresholds.min() == 0 and thresholds.max() < 1
    for business in (COSTS, Business(false_negative=1, false_positive=1000)):
        found = chosen_threshold(y, scores, business)
        assert 0 <= found.value <= 1
        assert 0 <= found.low <= found.high <= 1


def test_where_nobody_says_what_errors_cost_the_threshold_is_a_half():
    assert chosen_threshold(np.array([0, 1]), np.array([0.1, 0.2]), None).value == 0.5


def test_of_few_rows_the_threshold_stays_near_what_the_costs_imply():
    found = [chosen_threshold(*late(seed, 191), COSTS, seed=seed) for seed in range(30)]
    assert {round(one.implied, 4) for one in found} == {0.1667}
    # where errors on the rows cost least is mostly chance
    assert np.std([one.cheapest for one in found]) > 0.04
    assert np.abs([one.value - one.implied for one in found]).max() < 0.1
    assert all(one.low <= one.value <= one.high for one in found)


def test_of_many_rows_whose_scores_are_no_probabilities_the_cheapest_is_taken():
    y, chance = late(1, 20_000)
    found = chosen_threshold(y, chance**0.4, COSTS)
    best = (1 / 6) ** 0.4
    assert abs(found.value - best) < 0.05
    assert found.low <= found.value <= found.high < found.low + 0.15


def test_rows_that_stand_for_many_count_as_many():
    y, chance = late(2, 4_000)
    scores = chance**0.4
    few = np.flatnonzero((y == 1) | (np.arange(len(y)) % 4 == 0))
    weights = np.where(y[few] == 1, 1.0, 4.0)
    whole, part = (
        chosen_threshold(y, scores, COSTS),
        chosen_threshold(y[few], scores[few], COSTS, weights=weights),
    )
    unweighted = chosen_threshold(y[few], scores[few], COSTS)
    assert abs(part.value - whole.value) < 0.06
    assert unweighted.value < part.value - 0.05


def test_days_are_never_halved():
    y, chance = late(3, 2_000)
    day = np.repeat(np.arange(40), 50)
    # each day has its own threshold; drawn by rows it would look sure
    scores = np.clip(chance**0.4 + 0.3 * np.sin(day), 0, 1)
    by_day = chosen_threshold(y, scores, COSTS, units=day)
    by_row = chosen_threshold(y, scores, COSTS)
    assert by_day.high - by_day.low > by_row.high - by_row.low


@pytest.mark.parametrize("days", [2, 3, 4, 6, 12])
def test_a_few_days_are_as_unsure_as_they_are(days):
    """Below 20 days rows were halved instead: 4 days held the best threshold 47 times in 100."""
    best, held = 1 / 6, []
    for seed in range(24):
        random = np.random.default_rng(seed)
        day = np.repeat(np.arange(days), 480 // days)
        odds = 1.2 * random.normal(size=480) - 1.8
        brought = random.normal(size=days)[day]
        y = (random.random(480) < 1 / (1 + np.exp(-(odds + brought)))).astype(np.intp)
        # right on average over days
        scores = 1 / (1 + np.exp(-odds / np.sqrt(1.35)))
        found = chosen_threshold(y, scores, COSTS, units=day, seed=seed)
        held.append(found.low <= best <= found.high)
    assert np.mean(held) >= 0.7


def test_two_days_tell_of_a_threshold_that_is_far_from_what_the_costs_imply():
    y, chance = late(4, 20_000)
    found = chosen_threshold(y, chance**0.4, COSTS, units=np.arange(20_000) % 2)
    assert 2 * found.implied < found.low < found.value < found.high < 0.6


def test_of_one_day_the_threshold_is_what_the_costs_imply_and_may_be_anything():
    y, chance = late(4, 400)
    found = chosen_threshold(y, chance**0.4, COSTS, units=np.zeros(400, dtype=np.intp))
    assert (found.value, found.low, found.high) == (found.implied, 0.0, 1.0)


def test_the_cheaper_constant_follows_from_the_costs():
    assert implied_threshold(Business(false_negative=4, false_positive=1)) == 0.2
    assert implied_threshold(None) == 0.5


def test_where_one_row_of_a_thousand_is_a_1_the_cheapest_threshold_is_found():
    rng = np.random.default_rng(0)
    y = (np.arange(60_000) % 1000 == 0).astype(np.intp)
    # scores are no probabilities: all that matters lies in the highest thousandth of them
    scores = 1 / (1 + np.exp(-(rng.normal(size=60_000) + 3.0 * y + 2.0)))
    business = Business(false_negative=30, false_positive=10)
    found = chosen_threshold(y, scores, business)
    _, costs = cost_by_threshold(y, scores, 30, 10)
    assert cost(y == 1, scores, found.cheapest, 30, 10) <= 1.02 * costs.min()


@pytest.mark.parametrize("levels", [(0.10, 0.60), (0.001, 0.001), (0.05, 0.20, 0.90)])
def test_true_probabilities_of_few_values_have_the_threshold_that_the_costs_imply(levels):
    """A constant score of .001 was answered from 0.7 on: what was tried was read a level below."""
    for seed in range(5):
        random = np.random.default_rng(seed)
        scores = random.choice(levels, 4_000)
        y = (random.random(len(scores)) < scores).astype(np.intp)
        found = chosen_threshold(y, scores, Business(false_negative=600, false_positive=120))
        assert found.value == pytest.approx(1 / 6)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_the_interval_holds_the_best_threshold_nine_times_in_ten(shift):
    """Halves were shrunk to one point by the same step: it held the best one time in five."""
    best = 1 / (1 + np.exp(-(np.log(0.2) + shift)))
    held = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        odds = random.normal(size=1_000) - 1
        y = (random.random(1_000) < 1 / (1 + np.exp(-odds))).astype(np.intp)
        found = chosen_threshold(y, 1 / (1 + np.exp(-(odds + shift))), COSTS)
        held.append(found.low <= best <= found.high)
    assert np.mean(held) >= 0.8
