from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from mlfactory.product.errors import InsufficientData
from mlfactory.train.dataset import Rows, read_split
from mlfactory.train.folds import folds_of
from mlfactory.train.search import run_trials
from mlfactory.trainings.records import Trial, best_of
from mlfactory.trainings.split import plan


def rows_of(world, days: int, labels=None) -> Rows:
    world.send(*range(1, days + 1), labels=labels)
    return read_split(world.product, world.day(days), plan(world.product, world.day(days))).fit


def trial(number: int, score: float) -> Trial:
    return Trial(number, {}, score, None, 0.0)


@pytest.mark.parametrize("delay", ["0 minutes", "5 hours"])
def test_a_fold_trains_only_on_what_was_known_when_its_first_tested_row_happened(parcels, delay):
    rows = rows_of(parcels(delay), 4)
    folds = folds_of(rows, "binary", 7)
    assert len(folds) == 2
    for train, test in folds:
        start = rows.frame["sent_at"].iloc[test].min()
        assert (rows.known_at.iloc[train] <= start).all()
        assert (rows.frame["sent_at"].iloc[train] < start).all()
        assert len(train) > len(test)


def test_without_time_every_row_is_tested_once():
    y = np.array([0, 1] * 30)
    frame = pd.DataFrame({"x": np.arange(60.0)})
    rows = Rows(frame, frame, y, None, None, np.arange(60))
    tested = np.concatenate([test for _, test in folds_of(rows, "binary", 7)])
    assert sorted(tested) == list(range(60))


def test_rows_of_one_class_in_every_fold_are_too_little(parcels):
    world = parcels()
    world.send(1, 2, labels=[0.0] * 23 + [1.0])
    world.send(3)
    rows = read_split(world.product, world.day(3), plan(world.product, world.day(3))).fit
    with pytest.raises(InsufficientData, match="cannot be split once more"):
        run_trials(
            world.product,
            "logistic_regression",
            rows.take(np.arange(24)),
            trials=2,
            seconds=60,
            seed=7,
            after_each=lambda one: None,
        )


def test_the_defaults_are_tried_even_without_any_time(parcels):
    world = parcels()
    rows = rows_of(world, 4)
    seen: list[Trial] = []
    done = run_trials(
        world.product,
        "logistic_regression",
        rows,
        trials=5,
        seconds=0,
        seed=7,
        after_each=seen.append,
    )
    assert [one.number for one in done] == [1]
    assert list(done) == seen
    assert done[0].params == {"C": 0.1}


def test_the_best_is_the_highest_or_the_lowest_as_the_metric_wants_and_never_undefined():
    trials = [trial(1, 0.2), trial(2, math.nan), trial(3, 0.7), trial(4, 0.7)]
    assert best_of(trials, "roc_auc").number == 3
    assert best_of(trials, "mae").number == 1
    assert best_of([trial(1, -3.0), trial(2, 1.0)], "bias").number == 2


def test_rows_of_a_customer_are_never_trained_on_and_tested_at_once():
    y = np.array([0, 1] * 30)
    frame = pd.DataFrame({"x": np.arange(60.0)})
    customers = np.arange(60) // 4
    rows = Rows(frame, frame, y, None, None, np.arange(60), groups=customers)
    folds = folds_of(rows, "binary", 7)
    assert len(folds) == 3
    for train, test in folds:
        assert not set(customers[train]) & set(customers[test])
