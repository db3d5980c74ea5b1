"""Trainings cut short, asked for twice or too early, and what tells where they come from."""

from __future__ import annotations

import contextlib
import io
import json
import re
from importlib import import_module

import pytest
from tests.left_rows import leave_rows

from mlfactory import train
from mlfactory.lake import ledger
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.registry import artifacts, runs
from mlfactory.registry.connection import client
from mlfactory.train import stage
from mlfactory.trainings import files

# the package has a function of this name
searching = import_module("mlfactory.train.search")


def steps(run_id: str, metric: str) -> list[int]:
    return [point.step for point in client().get_metric_history(run_id, metric)]


def status_of(world) -> set[str]:
    experiment = client().get_experiment_by_name(world.product.name)
    return {run.info.status for run in client().search_runs([experiment.experiment_id])}


def test_a_search_that_was_killed_goes_on_after_its_last_trial_and_logs_each_once(
    taxi, monkeypatch
):
    world = taxi("binary")
    train.snapshot(world.product, world.cutoff, "t1", trials=8)
    real, tried = searching._try, []

    def killed_at_the_third(*arguments):
        tried.append(arguments)
        if len(tried) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(searching, "_try", killed_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            train.search(world.product, "t1", "logistic_regression")
    assert status_of(world) == {"FAILED"}
    training = files.load_training(world.product.name, "t1")
    kept = files.trials_done(training, "logistic_regression")
    assert [trial.number for trial in kept] == [1, 2]

    monkeypatch.setattr(searching, "_try", lambda *given: tried.append(given) or real(*given))
    found = train.search(world.product, "t1", "logistic_regression")
    assert (found.trials, len(tried)) == (4, 5)
    assert steps(found.run_id, "trial_seconds") == [1, 2, 3, 4]
    assert steps(found.run_id, world.product.spec.search_metric) == [1, 2, 3, 4]
    assert files.trials_done(training, "logistic_regression")[:2] == kept


def test_a_log_call_that_fails_loses_no_trial(taxi, monkeypatch):
    world = taxi("binary")
    train.snapshot(world.product, world.cutoff, "t1", trials=6)
    real, calls = runs.log_metrics, []

    def away_at_first(*arguments, **named):
        calls.append(arguments)
        if len(calls) <= 2:
            raise ServiceError("MLflow does not answer")
        real(*arguments, **named)

    monkeypatch.setattr(runs, "log_metrics", away_at_first)
    found = train.search(world.product, "t1", "logistic_regression")
    assert sorted(steps(found.run_id, "trial_seconds")) == [1, 2, 3]


def test_no_run_stays_under_way_after_a_failure_or_at_the_end(taxi, monkeypatch):
    world = taxi("binary")
    train.snapshot(world.product, world.cutoff, "t1", trials=2)
    for candidate in ("logistic_regression", "hist_gradient_boosting"):
        train.search(world.product, "t1", candidate)

    def broken(*arguments):
        raise ValueError("a plot cannot be drawn")

    with monkeypatch.context() as patch:
        patch.setattr(stage, "publish", broken)
        with pytest.raises(ValueError, match="cannot be drawn"):
            train.fit(world.product, "t1")
    assert status_of(world) == {"FINISHED", "FAILED"}
    train.fit(world.product, "t1")
    assert status_of(world) == {"FINISHED"}


def test_a_request_is_the_reason_of_one_training_and_not_of_one_by_hand_later(taxi):
    world = taxi("binary")
    name, key = world.product.name, world.cutoff.key
    ledger.record(name, ledger.Entry("retrain_requested", key, "drift in 2 of 3"))
    assert train.snapshot(world.product, world.cutoff, "t1").reason == "drift in 2 of 3"
    # one that failed carried nothing out: the next one is asked for by the same request
    assert train.snapshot(world.product, world.cutoff, "t2").reason == "drift in 2 of 3"
    request = files.load_training(name, "t2").request
    assert train.snapshot(world.product, world.cutoff, "t3", reason="curious").reason == "curious"
    assert files.load_training(name, "t3").request == 0
    details = {"version": "1", "seen_through": key, "request": request}
    ledger.record(name, ledger.Entry("rejected", key, "worse", "t2", details=details))
    assert train.snapshot(world.product, world.cutoff, "t4").reason == "asked for by hand"


def test_a_partition_that_is_not_over_is_refused_and_leaves_nothing(taxi):
    world = taxi("binary")
    future = world.product.calendar.parse("2126-01-01")
    with pytest.raises(UsageError, match=r"2126-01-01 ends at .* and is not over yet"):
        train.snapshot(world.product, future, "t1")
    assert files.find_training(world.product.name, "t1") is None


def test_a_run_tells_all_that_is_needed_to_run_it_again(taxi):
    world = taxi("binary")
    product = world.product
    train.snapshot(product, world.cutoff, "t1", trials=5, seconds=9)
    run_id = runs.training_run(product, world.cutoff.key, "t1")
    kept = json.loads(artifacts.kept(run_id, "training.json"))
    pinned = files.load_training(product.name, "t1")
    assert (kept["trials"], kept["seconds"], kept["seed"]) == (5, 9, 7)
    assert kept["features_version"] == pinned.features_version == world.lake.version("features")
    for place in (f"spec/{product.name}/product.yaml", f"spec/{product.name}/features.py"):
        content = artifacts.kept(run_id, place)
        assert content == files.files_of(product.name, "t1").read(place)
        assert content == (product.folder / place.rpartition("/")[2]).read_bytes()
    tags = client().get_run(run_id).data.tags
    for name in ("spec_hash", "code_hash", "code_revision", "lock_hash"):
        assert tags[f"mlfactory.{name}"] == getattr(pinned, name) == kept[name]


def test_the_code_on_the_card_works_when_it_is_pasted(taxi):
    world = taxi("multiclass")
    result = train.run(world.product, world.cutoff, "t1", trials=2)
    card = artifacts.kept(result.run_id, "model_card.md").decode()
    code = card.split("```python\n")[1].split("```")[0]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code, {})
    assert "probability_long" in said.getvalue()
    fitted = files.load_fitted(world.product.name, "t1")
    assert fitted.digest in code
    assert f"| fitted on | {files.load_training(world.product.name, 't1').fit_rows:,} |" in card


def test_the_card_tells_how_sure_the_threshold_is_and_of_constant_inputs(taxi):
    world = taxi("binary")
    for month in (1, 2, 3):
        key = f"2026-{month:02d}-01"
        rows = world.lake.read("features", [key]).assign(hour=5.0).drop(columns="partition")
        leave_rows(world.product, key, features=rows)
    result = train.run(world.product, world.cutoff, "t1", trials=2)
    card = artifacts.kept(result.run_id, "model_card.md").decode()
    says = next(line for line in card.splitlines() if "Says 1 from" in line)
    # whether the rows show another to be cheaper or not, what the costs imply stands there
    assert "0.1667" in says
    assert re.search(r"costs (alone )?imply.*\brows\b|\brows\b.*costs (alone )?imply", says)
    assert "the same value in every fitted row for hour" in card
