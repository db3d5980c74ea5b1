from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlfactory import train
from mlfactory.lake import ledger
from mlfactory.lake.catalog import training_file
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import find_json, product_store, read_json, write_json
from mlfactory.product.errors import InsufficientData, LeakageError, UsageError
from mlfactory.product.metrics import merit, metrics_for
from mlfactory.registry.connection import client
from mlfactory.registry.models import StoredModel, load_version
from mlfactory.registry.versions import register
from mlfactory.trainings.files import load_fitted, load_profile
from mlfactory.trainings.heldout import HeldOut, load_held_out

KINDS = ["binary", "multiclass", "regression"]
PLOTS = {
    "binary": {"ranking", "calibration", "cost", "importance", "search"},
    "multiclass": {"confusion", "importance", "search"},
    "regression": {"errors", "importance", "search"},
}


def file_of(world, name: str, training: str = "t1") -> dict:
    store = product_store(world.product.name)
    return find_json(store, training_file(training, name)) or {}


def held_out_of(world, training: str = "t1") -> HeldOut:
    return load_held_out(world.product.name, training)


def runs_of(world) -> list:
    experiment = client().get_experiment_by_name(world.product.name)
    return list(client().search_runs([experiment.experiment_id]))


def artifacts(run_id: str, folder: str = "") -> set[str]:
    return {found.path for found in client().list_artifacts(run_id, folder or None)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_leaves_a_model_its_figures_and_all_that_tells_of_it(taxi, kind):
    world = taxi(kind)
    result = train.run(world.product, world.cutoff, "t1")

    fitted = file_of(world, "fit.json")
    assert fitted["run_id"] == result.run_id
    assert fitted["model_uri"] == result.model_uri
    names = metrics_for(kind, costs=kind == "binary")
    assert set(result.metrics) == set(fitted["metrics"]) == set(names)
    headline = fitted["metrics"][world.product.spec.search_metric]
    assert headline["low"] <= headline["value"] <= headline["high"]
    metric = world.product.spec.search_metric
    assert merit(metric, headline["value"]) > merit(metric, headline["baseline"])

    run = client().get_run(result.run_id)
    assert run.info.status == "FINISHED"
    for name in names:
        assert run.data.metrics[name] == pytest.approx(result.metrics[name])
        assert f"baseline_{name}" in run.data.metrics
        assert f"{name}_low" in run.data.metrics
    assert {given.dataset.digest for given in run.inputs.dataset_inputs} == {
        f"version-{version}" for version in world.lake.versions("features", "labels").values()
    }
    expected = {"model_card.md", "model_card.html", "training.json", "spec", "plots"}
    assert expected <= artifacts(result.run_id)
    card = client().download_artifacts(result.run_id, "model_card.md")
    told = Path(card).read_text()
    for way in ("load_stored(", "mlfactory predict", "`predictions`", "`model_version`"):
        assert way in told
    plots = artifacts(result.run_id, "plots")
    assert {Path(plot).stem for plot in plots} == PLOTS[kind]
    assert {Path(plot).suffix for plot in plots} <= {".svg", ".png"}
    for stage, name in (("snapshot", "t1"), ("search", f"t1.{result.candidate}"), ("fit", "t1")):
        read = read_manifest(world.product.name, stage, name)["inputs"]
        assert read["features"] == world.lake.version("features")


@pytest.mark.parametrize("kind", KINDS)
def test_the_held_out_answers_are_those_of_the_stored_model(taxi, kind):
    world = taxi(kind)
    result = train.run(world.product, world.cutoff, "t1", trials=2)
    fitted = load_fitted(world.product.name, "t1")
    stored = StoredModel(fitted.model_uri, fitted.model, fitted.digest)
    version = register(world.product.name, stored, result.run_id, {"training_id": "t1"})
    model = load_version(world.product.name, version)
    held_out = held_out_of(world)
    answers = model.answer(held_out.rows)

    assert np.array_equal(held_out.said.scores, answers.scores)
    assert list(held_out.said.decisions) == list(answers.decisions)
    if kind == "multiclass":
        assert fitted.classes == model.classes
        assert set(held_out.answers["label"]) == {"short", "usual", "long"}
        assert "block" not in held_out.answers, "the rows of a snapshot are no days"
    else:
        assert (held_out.rows["at"] >= pd.Timestamp("2026-03-01", tz="UTC")).all()
        assert held_out.answers["block"].nunique() == 12
    assert {"ride", "district", "distance", "hour", "zone"} <= set(held_out.rows.columns)
    profile = load_profile(world.product.name, "t1")
    assert profile.rows == file_of(world, "training.json")["fit_rows"]
    assert {"distance", "hour", "zone"} <= set(profile.features)


def test_what_was_pinned_is_written_with_the_reason_of_the_newest_request(taxi):
    world = taxi("binary")
    for key, why in (("2026-03-01", "drift in 2 of 3"), ("2026-02-01", "another month")):
        ledger.record(world.product.name, ledger.Entry("retrain_requested", key, why))
    result = train.snapshot(world.product, world.cutoff, "t1", trials=9, seconds=5)
    pinned = file_of(world, "training.json")
    assert pinned["reason"] == result.reason == "drift in 2 of 3"
    assert pinned["fit_partitions"] == ["2026-01-01", "2026-02-01"]
    assert pinned["holdout_partitions"] == ["2026-03-01"]
    assert (pinned["trials"], pinned["seconds"]) == (9, 5)
    assert (pinned["fit_rows"], pinned["holdout_rows"]) == (1440, 720)
    assert train.snapshot(world.product, world.cutoff, "t2").reason != "another month"
    by_hand = train.snapshot(world.product, world.cutoff, "t3", reason="curious")
    assert by_hand.reason == "curious"


def test_running_again_ends_in_the_same_state(taxi):
    world = taxi("binary")
    first = train.run(world.product, world.cutoff, "t1")
    files = {name: file_of(world, name) for name in ("training.json", "fit.json")}
    runs = {run.info.run_id for run in runs_of(world)}
    assert train.run(world.product, world.cutoff, "t1") == first
    assert {name: file_of(world, name) for name in files} == files
    assert {run.info.run_id for run in runs_of(world)} == runs
    assert {run.info.status for run in runs_of(world)} == {"FINISHED"}


@pytest.mark.parametrize("lost", ["fit.json", "search-logistic_regression.json"])
def test_a_stage_cut_short_and_run_again_makes_the_same_model(taxi, lost):
    world = taxi("binary")
    first = train.run(world.product, world.cutoff, "t1")
    scores = held_out_of(world).said.scores
    # killed after all its writes but the last: only the file that says so is missing
    product_store(world.product.name).delete(training_file("t1", lost))
    second = train.run(world.product, world.cutoff, "t1")
    assert second.run_id == first.run_id
    assert second.metrics == first.metrics
    assert np.array_equal(scores, held_out_of(world).said.scores)
    assert len(runs_of(world)) == 3


def test_the_same_seed_and_trials_make_the_same_model_in_another_training(taxi):
    world = taxi("regression")
    one = train.run(world.product, world.cutoff, "t1", candidates=["extra_trees"])
    two = train.run(world.product, world.cutoff, "t2", candidates=["extra_trees"])
    assert one.run_id != two.run_id
    assert one.metrics == two.metrics
    assert np.array_equal(*(held_out_of(world, name).said.scores for name in ("t1", "t2")))


def test_a_training_that_was_begun_stays_as_it_was_whatever_is_written_since(taxi):
    world = taxi("binary")
    before = train.snapshot(world.product, world.cutoff, "t1")
    expected = train.run(world.product, world.cutoff, "t2").metrics
    world.fill(seed=2)
    assert train.snapshot(world.product, world.cutoff, "t1") == before
    assert train.run(world.product, world.cutoff, "t1").metrics == expected
    assert train.run(world.product, world.cutoff, "t3").metrics != expected


def test_another_training_under_the_same_id_is_refused(taxi, make_product):
    world = taxi("binary")
    train.snapshot(world.product, world.cutoff, "t1")
    with pytest.raises(UsageError, match="was begun at 2026-03-01"):
        train.snapshot(world.product, world.cutoff, "t1", trials=99)
    text = (world.product.folder / "product.yaml").read_text()
    changed = make_product(text.replace("min_rows: 50", "min_rows: 60"))
    with pytest.raises(UsageError, match=r"begun with another product\.yaml"):
        train.search(changed, "t1", "logistic_regression")


def test_each_candidate_has_a_child_run_with_its_trials_as_steps(taxi):
    world = taxi("binary")
    result = train.run(world.product, world.cutoff, "t1")
    children = {
        run.data.tags["mlfactory.candidate"]: run
        for run in runs_of(world)
        if run.data.tags.get("mlflow.parentRunId") == result.run_id
    }
    assert set(children) == {"logistic_regression", "hist_gradient_boosting"}
    for name, run in children.items():
        steps = client().get_metric_history(run.info.run_id, "cost")
        assert [step.step for step in steps] == [1, 2]
        found = file_of(world, f"search-{name}.json")
        assert [step.value for step in steps] == [trial["score"] for trial in found["trials"]]
        assert run.data.tags["mlfactory.best_trial"] == str(found["best"]["number"])
        assert set(run.data.params) == set(found["best"]["params"])
    chosen = [name for name, run in children.items() if "mlfactory.chosen" in run.data.tags]
    assert chosen == [result.candidate]


def test_the_threshold_makes_errors_cheaper_than_the_best_constant_answer(taxi):
    world = taxi("binary")
    result = train.run(world.product, world.cutoff, "t1", trials=2)
    fitted = file_of(world, "fit.json")
    assert 0 < fitted["threshold"]["value"] < 0.5
    assert fitted["threshold"]["implied"] == pytest.approx(1 / 6)
    assert result.metrics["cost"] < fitted["metrics"]["cost"]["baseline"]
    answers = held_out_of(world).said
    said = answers.scores >= fitted["threshold"]["value"]
    assert np.array_equal(said, answers.decisions == 1)


def test_a_feature_that_gives_the_label_away_is_refused_by_name_and_nothing_is_left(taxi):
    world = taxi("binary")
    world.fill(leak=True)
    where = f"{world.product.name}, partition {world.cutoff}: "
    with pytest.raises(LeakageError, match=f"^{where}.*'hour'"):
        train.run(world.product, world.cutoff, "t1")
    assert file_of(world, "training.json") == {}
    assert client().get_experiment_by_name(world.product.name) is None


def test_a_search_that_fails_leaves_a_failed_run(taxi):
    world = taxi("binary")
    train.snapshot(world.product, world.cutoff, "t1")
    store, name = product_store(world.product.name), training_file("t1", "training.json")
    write_json(store, name, {**read_json(store, name), "fit_partitions": []})
    with pytest.raises(InsufficientData):
        train.search(world.product, "t1", "logistic_regression")
    statuses = {run.info.run_name: run.info.status for run in runs_of(world)}
    assert statuses["logistic_regression"] == "FAILED"


def test_fit_without_every_search_is_told_which_is_missing(taxi):
    world = taxi("binary")
    train.snapshot(world.product, world.cutoff, "t1")
    train.search(world.product, "t1", "logistic_regression")
    with pytest.raises(UsageError, match="hist_gradient_boosting was not searched yet"):
        train.fit(world.product, "t1")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"candidates": ["extra_tree"]}, "did you mean 'extra_trees'"),
        ({"candidates": ["ridge"]}, "cannot learn the binary label"),
        ({"trials": 0}, "trials is 0"),
        ({"seconds": -1}, "seconds is -1"),
    ],
)
def test_a_budget_or_candidate_that_cannot_be_is_refused(taxi, asked, told):
    world = taxi("binary")
    with pytest.raises(UsageError, match=told):
        train.snapshot(world.product, world.cutoff, "t1", **asked)


def test_a_training_of_a_sample_fits_no_more_than_it_and_says_so(taxi):
    world = taxi("binary", most=1000)
    result = train.run(world.product, world.cutoff, "t1")
    pinned = file_of(world, "training.json")
    rows = pinned["fit_rows"] + pinned["holdout_rows"]
    assert (pinned["of_rows"], pinned["portion"]) == (2160, 1000 / 2160)
    assert rows == pytest.approx(1000, abs=80)
    assert len(held_out_of(world).rows) == pinned["holdout_rows"]
    run = client().get_run(result.run_id)
    told = f"{rows:,} labelled rows, a share of 0.463 of 2,160"
    assert run.data.tags["mlfactory.sample"].startswith(told)
    card = Path(client().download_artifacts(result.run_id, "model_card.md")).read_text()
    assert told in card
