from __future__ import annotations

import logging
import math

import numpy as np
import pandas as pd
import pytest

from mlfactory.product.errors import InsufficientData, UsageError
from mlfactory.train.dataset import Rows, pin, read_split
from mlfactory.train.folds import folds_of
from mlfactory.train.found import Trial, best_of
from mlfactory.train.search import run_trials, thinned
from mlfactory.train.training import Training, load_training, save_training


def rows_of(world, days: int, labels=None) -> Rows:
    world.send(*range(1, days + 1), labels=labels)
    return read_split(world.product, world.day(days), pin(world.product, world.day(days))).fit


def trial(number: int, score: float) -> Trial:
    return Trial(number, {}, score, None, 0.0)


@pytest.mark.parametrize("delay", ["0 minutes", "5 hours"])
def test_a_fold_trains_only_on_what_was_known_when_its_first_tested_row_happened(parcels, delay):
    rows = rows_of(parcels(delay), 4)
    folds = folds_of(rows, "binary", 7)
    assert len(folds) == 2
    for train, test in folds:
        start = rows.frame["sent_at"].iloc[test].min()
        assert (rows.frame["available_at"].iloc[train] <= start).all()
        assert (rows.frame["sent_at"].iloc[train] < start).all()
        assert len(train) > len(test)


def test_without_time_every_row_is_tested_once():
    y = np.array([0, 1] * 30)
    frame = pd.DataFrame({"x": np.arange(60.0)})
    rows = Rows(frame, frame, y, None, np.arange(60))
    tested = np.concatenate([test for _, test in folds_of(rows, "binary", 7)])
    assert sorted(tested) == list(range(60))


def test_rows_of_one_class_in_every_fold_are_too_little(parcels):
    world = parcels()
    world.send(1, 2, labels=[0.0] * 23 + [1.0])
    world.send(3)
    rows = read_split(world.product, world.day(3), pin(world.product, world.day(3))).fit
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


def test_how_good_a_trial_is_does_not_depend_on_how_many_follow(parcels, caplog):
    world = parcels()
    rows = rows_of(world, 4)

    def scores(trials: int) -> list[float]:
        found = run_trials(
            world.product,
            "extra_trees",
            rows,
            trials=trials,
            seconds=60,
            seed=7,
            after_each=lambda one: None,
        )
        return [one.score for one in found]

    with caplog.at_level(logging.INFO, "mlfactory.train"):
        assert scores(3)[:2] == scores(2)
    assert "extra_trees: trial 3 of 3, roc_auc" in caplog.text


def test_the_best_is_the_highest_or_the_lowest_as_the_metric_wants_and_never_undefined():
    trials = [trial(1, 0.2), trial(2, math.nan), trial(3, 0.7), trial(4, 0.7)]
    assert best_of(trials, "roc_auc").number == 3
    assert best_of(trials, "mae").number == 1
    assert best_of([trial(1, -3.0), trial(2, 1.0)], "bias").number == 2


def test_thinning_keeps_the_order_and_both_ends():
    frame = pd.DataFrame({"x": np.arange(1000.0)})
    rows = Rows(frame, frame, np.arange(1000), None, np.arange(1000))
    few = thinned(rows, 100)
    assert len(few) == 100
    assert (np.diff(few.y.astype(int)) > 0).all()
    assert few.y[[0, -1]].tolist() == [0, 999]


def a_training(**changed) -> Training:
    values = {
        "product": "parcels",
        "partition": "2026-01-04",
        "training_id": "2026-01-04.test",
        "reason": "a test",
        "features_version": 3,
        "labels_version": 3,
        "fit_partitions": ("2026-01-03",),
        "holdout_partitions": ("2026-01-04",),
        "fit_rows": 24,
        "holdout_rows": 24,
        "seed": 7,
        "trials": 8,
        "seconds": 30,
        "candidates": ("logistic_regression", "extra_trees", "random_forest"),
        "spec_hash": "0",
    }
    return Training(**{**values, **changed})


def test_the_budget_is_divided_among_the_candidates():
    training = a_training()
    shares = [training.share(name) for name in training.candidates]
    assert shares == [(3, 10.0), (3, 10.0), (2, 10.0)]
    assert a_training(trials=1).share("random_forest")[0] == 1
    with pytest.raises(UsageError, match="no candidate 'ridge'"):
        training.share("ridge")


def test_a_training_is_read_as_it_was_written(parcels):
    product = parcels().product
    written = a_training(spec_hash=product.spec_hash)
    save_training(written)
    assert load_training(product, "2026-01-04.test") == written
    with pytest.raises(UsageError, match="no training 'another'"):
        load_training(product, "another")
    with pytest.raises(UsageError, match="leads out"):
        load_training(product, "../../elsewhere")
