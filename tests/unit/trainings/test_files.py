from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from mlfactory.lake.store import product_store
from mlfactory.product.errors import IntegrityError, UsageError
from mlfactory.registry.answers import Answers
from mlfactory.statistics.naive import Naive
from mlfactory.trainings import files
from mlfactory.trainings.heldout import HeldOut, answers_frame, load_held_out, save_held_out
from mlfactory.trainings.records import Fitted, Search, Threshold, Training, Trial

THRESHOLD = Threshold(0.2, 0.167, 0.3, 0.1, 0.4, 191)


def a_training(**changed) -> Training:
    values = {
        "product": "parcels",
        "partition": "2026-01-04",
        "training_id": "2026-01-04.test",
        "reason": "a test",
        "pinned_at": "2026-01-05T00:00:00+00:00",
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
        "code_hash": "1",
        "code_revision": "2",
        "lock_hash": "3",
    }
    return Training(**{**values, **changed})


def fitted() -> Fitted:
    return Fitted(
        training_id="2026-01-04.test",
        run_id="r",
        model_uri="models:/m-1",
        model="mlflow-artifacts:/parcels/models/m-1/artifacts",
        digest="d",
        candidate="extra_trees",
        params={"max_features": 0.3},
        threshold=THRESHOLD,
        classes=None,
        search_metric="roc_auc",
        search_score=0.7,
        naive=Naive(0.5, 0.5),
        metrics={"roc_auc": {"value": 0.7, "low": 0.6, "high": 0.8, "baseline": 0.5}},
    )


def test_the_budget_is_divided_among_the_candidates():
    training = a_training()
    shares = [training.share(name) for name in training.candidates]
    assert shares == [(3, 10.0), (3, 10.0), (2, 10.0)]
    assert a_training(trials=1).share("random_forest")[0] == 1
    with pytest.raises(UsageError, match="no candidate 'ridge'"):
        training.share("ridge")


def test_a_training_is_read_as_it_was_pinned_with_its_spec_and_code(parcels):
    product = parcels().product
    assert files.pin(a_training(), product) == a_training()
    assert files.load_training("parcels", "2026-01-04.test") == a_training()
    kept = files.files_of("parcels", "2026-01-04.test")
    assert kept.read("spec/parcels/product.yaml").decode() == product.spec_text
    assert kept.read("spec/parcels/features.py") == product.code["parcels/features.py"]
    with pytest.raises(UsageError, match="no training 'another'"):
        files.load_training("parcels", "another")
    with pytest.raises(UsageError, match="leads out"):
        files.load_training("parcels", "../../elsewhere")


def test_of_two_that_pin_the_same_id_both_get_the_first(parcels):
    product = parcels().product
    first, second = a_training(), a_training(trials=99)
    assert files.pin(first, product) == first
    assert files.pin(second, product) == first


def test_a_search_and_its_trials_are_read_as_they_were_written(home):
    training = a_training()
    trials = (Trial(1, {"C": 0.1}, 0.7, THRESHOLD, 1.5), Trial(2, {"C": 1.0}, math.nan, None, 0.5))
    for trial in trials:
        files.save_trial(training, "extra_trees", trial)
    one, two = files.trials_done(training, "extra_trees")
    assert one == trials[0]
    assert math.isnan(two.score) and two.threshold is None
    assert files.search_of(training, "extra_trees") is None
    files.save_search(training, Search("extra_trees", "r", "roc_auc", 3, trials[:1]))
    assert files.search_of(training, "extra_trees") == Search(
        "extra_trees", "r", "roc_auc", 3, trials[:1]
    )
    with pytest.raises(UsageError, match="logistic_regression was not searched yet"):
        files.all_searches(training)


def test_what_was_fitted_is_read_as_it_was_written(home):
    assert files.find_fitted("parcels", "2026-01-04.test") is None
    with pytest.raises(UsageError, match="was not fitted to its end"):
        files.load_fitted("parcels", "2026-01-04.test")
    files.save_fitted("parcels", fitted())
    assert files.load_fitted("parcels", "2026-01-04.test") == fitted()


def test_a_record_of_another_revision_is_no_traceback(home):
    store = product_store("parcels")
    store.write("trainings/old/training.json", b'{"training_id": "old"}')
    with pytest.raises(IntegrityError, match="written by another revision"):
        files.load_training("parcels", "old")
    store.write("trainings/old/fit.json", b"{")
    with pytest.raises(IntegrityError, match="damaged"):
        files.load_fitted("parcels", "old")
    store.write("trainings/old/fit_keys.parquet", b"PAR1")
    with pytest.raises(IntegrityError, match="damaged"):
        files.load_frame("parcels", "old", files.FIT_KEYS)
    store.write("trainings/old/profile.npz", b"PK")
    with pytest.raises(IntegrityError, match="damaged"):
        files.load_profile("parcels", "old")


@pytest.mark.parametrize("several", [False, True])
def test_held_out_rows_keep_the_users_columns_apart_from_ours(home, several):
    rows = pd.DataFrame({"label": ["a", "b"], "block": [0.5, 1.5], "score": ["x", None]})
    scores = np.array([[0.1, 0.9], [0.8, 0.2]]) if several else np.array([0.1, 0.9])
    said = Answers(scores, np.array(["u", "v"], dtype=object) if several else np.array([0.0, 1.0]))
    made = HeldOut(rows, answers_frame(np.array([1, 0]), np.array([7, 8]), np.array([3, 3]), said))
    save_held_out("parcels", "t", made)
    found = load_held_out("parcels", "t")
    assert found.rows["label"].tolist() == ["a", "b"]
    assert found.rows["block"].tolist() == [0.5, 1.5]
    assert found.blocks.tolist() == [7, 8]
    assert found.groups is not None and found.groups.tolist() == [3, 3]
    assert np.array_equal(found.said.scores, scores)
    assert list(found.said.decisions) == list(said.decisions)


def test_answers_of_other_rows_are_damage(home):
    said = Answers(np.array([0.1]), np.array([0.0]))
    answers = answers_frame(np.array([1]), np.array([7]), None, said)
    save_held_out("parcels", "t", HeldOut(pd.DataFrame({"a": [1, 2]}), answers))
    with pytest.raises(IntegrityError, match="2 held-out rows have 1 answers"):
        load_held_out("parcels", "t")
