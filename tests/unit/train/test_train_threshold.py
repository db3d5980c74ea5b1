from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from mlfactory.product.spec import Business
from mlfactory.train.threshold import (
    baseline_threshold,
    cheapest_threshold,
    chosen_threshold,
    cost_by_threshold,
    with_threshold,
)


def cost(y, scores, threshold, false_negative, false_positive):
    said = scores >= threshold
    return np.mean(false_negative * (y & ~said) + false_positive * (~y & said))


@pytest.mark.parametrize("seed", range(5))
def test_no_other_threshold_is_cheaper(seed):
    random = np.random.default_rng(seed)
    y = random.random(200) < 0.3
    scores = np.round(np.clip(random.normal(0.3 + 0.2 * y, 0.2), 0, 1), 2)
    chosen = cheapest_threshold(y.astype(int), scores, 5.0, 1.0)
    others = [cost(y, scores, threshold, 5.0, 1.0) for threshold in np.linspace(0, 1.01, 500)]
    assert cost(y, scores, chosen, 5.0, 1.0) == pytest.approx(min(others))


def test_costs_by_threshold_are_those_of_deciding_with_it():
    y = np.array([0, 1, 0, 1, 1])
    scores = np.array([0.1, 0.2, 0.2, 0.7, 1.0])
    thresholds, costs = cost_by_threshold(y, scores, 3.0, 2.0)
    assert len(thresholds) == 5
    expected = [cost(y == 1, scores, threshold, 3.0, 2.0) for threshold in thresholds]
    assert costs == pytest.approx(expected)


def test_saying_yes_to_all_or_none_can_be_cheapest():
    y, scores = np.array([0, 1, 0, 1]), np.array([0.9, 0.1, 1.0, 0.2])
    assert cheapest_threshold(y, scores, 1000.0, 1.0) <= 0.1
    assert cheapest_threshold(y, scores, 1.0, 1000.0) > 1.0


def test_where_nobody_says_what_errors_cost_the_threshold_is_a_half():
    assert chosen_threshold(np.array([0, 1]), np.array([0.1, 0.2]), None) == 0.5


@pytest.mark.parametrize(("positives", "says"), [(1, 0), (3, 1)])
def test_the_baseline_takes_the_cheaper_constant(positives, says):
    # a missed 1 costs four times a false 1, so saying 1 pays from a chance of 1 in 5 on
    business = Business(false_negative=4, false_positive=1)
    y = np.array([1] * positives + [0] * (10 - positives))
    prior = with_threshold(DummyClassifier(strategy="prior"), baseline_threshold(business))
    assert prior.fit(np.zeros((10, 1)), y).predict(np.zeros((3, 1))).tolist() == [says] * 3
