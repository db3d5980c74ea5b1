"""Searches that fit whole forests, or wait until they are cut off."""

from __future__ import annotations

import logging
import time
from importlib import import_module

import pytest
from tests.unit.train.conftest import one_thread
from tests.unit.train.test_train_search import rows_of

from mlfactory.train.search import run_trials
from mlfactory.trainings.records import Trial

pytestmark = pytest.mark.one_lake

__all__ = ["one_thread"]


def test_a_trial_that_takes_too_long_is_cut_off_and_the_others_count(parcels, monkeypatch, caplog):
    world = parcels()
    rows = rows_of(world, 4)
    # the room has a function of the module's name
    search = import_module("mlfactory.train.search")
    begun = []

    def slow_from_the_third_on(*given):
        begun.append(True)
        if len(begun) > 2:
            time.sleep(60)
        return 0.5, None

    monkeypatch.setattr(search, "_try", slow_from_the_third_on)
    began = time.perf_counter()
    with caplog.at_level(logging.INFO, "mlfactory.train"):
        done = run_trials(
            world.product,
            "logistic_regression",
            rows,
            trials=5,
            seconds=1,
            seed=7,
            after_each=lambda one: None,
        )
    assert time.perf_counter() - began < 20
    assert [one.number for one in done] == [1, 2]
    assert "2 of 5 trials done, another was cut off after the 1 s there are" in caplog.text


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


def test_a_search_cut_short_goes_on_after_its_last_trial(parcels):
    world = parcels()
    rows = rows_of(world, 4)
    seen: list[int] = []

    def search(trials: int, seconds: float, before=()) -> tuple[Trial, ...]:
        return run_trials(
            world.product,
            "extra_trees",
            rows,
            trials=trials,
            seconds=seconds,
            seed=7,
            after_each=lambda one: seen.append(one.number),
            before=before,
        )

    whole = search(3, 60)
    assert seen == [1, 2, 3]
    seen.clear()
    again = search(3, 60, before=whole[:2])
    assert seen == [3]
    assert [one.score for one in again] == [one.score for one in whole]
    assert again[0] is whole[0]
    seen.clear()
    # what was spent before the kill is spent
    assert search(3, sum(one.seconds for one in whole[:2]), before=whole[:2]) == whole[:2]
    assert seen == []
