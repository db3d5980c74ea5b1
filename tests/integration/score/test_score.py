from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.integration.shops import Shop, spec_of
from tests.left_rows import leave_rows

from mlfactory import promote, score
from mlfactory.lake import batches, ledger
from mlfactory.lake.catalog import FEATURES
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, IntegrityError, ServiceError
from mlfactory.product.loader import load_folder
from mlfactory.registry import models
from mlfactory.registry.artifacts import own_store
from mlfactory.registry.connection import client
from mlfactory.registry.pyfunc import Scorer
from mlfactory.score import ScoreResult
from mlfactory.score import stage as score_stage
from mlfactory.settings import settings


def predictions(shop: Shop, day: int) -> pd.DataFrame:
    return Lake("shop").read("predictions", [shop.day(day).key]).drop(columns="_run")


def break_model(version: str) -> None:
    store = own_store(client().get_model_version("shop", version).source)
    assert store is not None
    store.write("model.skops", b"broken")
    models._load.cache_clear()


def test_a_partition_is_predicted_by_the_champion(shop: Shop):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    assert score.run(shop.product, shop.day(4)) == ScoreResult(240, "1", None, "ok")
    rows = predictions(shop, 4)
    features = Lake("shop").read("features", [shop.day(4).key])
    expected = models.load_version("shop", "1").answer(features)
    assert list(rows["id"]) == list(features["id"])
    assert list(rows["at"]) == list(features["at"])
    assert np.array_equal(rows["score"], expected.scores)
    assert np.array_equal(rows["prediction"], expected.scores >= 0.2)
    assert set(rows["role"]) == {"champion"} and set(rows["model_version"]) == {"1"}
    facts = read_manifest("shop", "score", "2024-01-04")
    assert facts["facts"] == {"state": "ok", "champion": "1", "challenger": None}
    # what prepare wrote of the partition, and not the table's newest version
    assert facts["inputs"] == read_manifest("shop", "prepare", "2024-01-04")["outputs"]
    assert facts["inputs"] != Lake("shop").versions("features")
    assert facts["counts"] == {"rows": 240}


def test_a_champion_of_other_code_predicts_and_is_told(shop: Shop, caplog):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    score.run(shop.product, shop.day(4))
    assert "other code" not in caplog.text
    with (shop.product.folder / "features.py").open("a") as file:
        file.write("\nDEAR = 20\n")
    changed = load_folder(shop.product.folder)
    shop.product = changed
    shop.sell(5)
    assert score.run(changed, shop.day(5)).rows == 240
    assert "version 1 learned from features of other code of the product" in caplog.text


def test_the_same_partition_twice_gives_the_same_rows(shop: Shop):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    score.run(shop.product, shop.day(4))
    first = predictions(shop, 4)
    score.run(shop.product, shop.day(4))
    pd.testing.assert_frame_equal(predictions(shop, 4), first)


def test_no_prediction_is_ever_made_by_a_model_that_has_seen_its_partition(
    shop: Shop, make_product
):
    lenient = make_product(spec_of(gates="[]"))
    trained = {"1": 2, "2": 4, "3": 3}
    days = range(1, 7)

    def check() -> None:
        for day in days:
            made = score.run(lenient, shop.day(day))
            for version in {made.champion, made.challenger} - {None}:
                tags = client().get_model_version("shop", version).tags
                assert tags["seen_through"] < shop.day(day).key
            for version in set(predictions(shop, day)["model_version"]):
                assert trained[version] < day

    check()
    for cutoff in trained.values():
        promote.run(lenient, shop.train(cutoff, fit=[1, cutoff - 1]))
        check()
    champions = [ledger.champion_for(lenient, shop.day(day)) for day in days]
    # the third training looked back to day 3, thus is refused, and the first serves again there
    assert [found.version if found else None for found in champions] == [
        None,
        None,
        "1",
        "1",
        "2",
        "2",
    ]


def test_a_challenger_is_tried_in_shadow_until_the_next_decision(shop: Shop, make_product):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    promote.run(shop.product, shop.train(4, fit=[2, 3]))
    assert score.run(shop.product, shop.day(5)) == ScoreResult(240, "1", "2", "ok")
    rows = predictions(shop, 5)
    assert rows.groupby("role")["model_version"].agg(["first", "size"]).to_dict("index") == {
        "champion": {"first": "1", "size": 240},
        "challenger": {"first": "2", "size": 240},
    }
    # it has seen its own cut-off, which thus has no shadow
    assert score.run(shop.product, shop.day(4)).challenger is None
    promote.run(make_product(spec_of(gates="[]")), shop.train(5, fit=[3, 4]))
    assert score.run(shop.product, shop.day(6)) == ScoreResult(240, "3", None, "ok")


def test_without_a_champion_the_partition_is_emptied(shop: Shop):
    assert score.run(shop.product, shop.day(1)) == ScoreResult(0, None, None, "no_model")
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    score.run(shop.product, shop.day(4))
    assert score.run(shop.product, shop.day(2)).state == "no_model"
    assert len(predictions(shop, 4)) == 240
    assert str(Lake("shop").columns("predictions")["score"]) == "double"


def test_a_challenger_whose_columns_are_gone_is_left_out(shop: Shop, caplog):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    promote.run(shop.product, shop.train(4, fit=[2, 3]))
    assert score.run(shop.product, shop.day(5)).challenger == "2"
    loaded = score_stage.load_version

    def with_another_column(name: str, version: str, **given):
        model = loaded(name, version, **given)
        if version == "1":
            return model
        example = model.input_example.assign(gone=1.0)
        return replace(model, scorer=Scorer(model.scorer.estimator, example))

    score_stage.load_version = with_another_column
    try:
        assert score.run(shop.product, shop.day(5)) == ScoreResult(240, "1", None, "ok")
    finally:
        score_stage.load_version = loaded
    assert set(predictions(shop, 5)["role"]) == {"champion"}
    assert "going on without challenger" in caplog.text and "gone" in caplog.text


def test_without_features_the_partition_is_emptied(shop: Shop):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    score.run(shop.product, shop.day(4))
    features = Lake("shop").read("features", [shop.day(4).key])
    leave_rows(shop.product, shop.day(4).key, features=features.iloc[:0])
    assert score.run(shop.product, shop.day(4)) == ScoreResult(0, None, None, "no_data")
    assert predictions(shop, 4).empty
    assert score.run(shop.product, shop.day(9)).state == "no_data"


def test_a_product_that_was_never_prepared_has_no_data(mlflow_file, make_product):
    shop = Shop(make_product(spec_of()))
    assert score.run(shop.product, shop.day(4)) == ScoreResult(0, None, None, "no_data")
    assert Lake("shop").version("predictions") is None


def test_features_that_a_killed_run_left_below_a_newer_manifest_are_not_scored(shop: Shop):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    key, lake = shop.day(4).key, Lake("shop")
    lake.replace("features", lake.read("features", [key]).assign(amount=0.0), key, run="killed")
    with pytest.raises(ServiceError, match="features are being replaced by another run of prepare"):
        score.run(shop.product, shop.day(4))
    assert lake.version("predictions") is None


def test_features_that_do_not_fit_the_model_are_named(shop: Shop):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    features = Lake("shop").read("features", [shop.day(4).key])
    product_store("shop").delete_all(FEATURES)
    changed = features.drop(columns=["colour", "partition"]).assign(amount="much")
    leave_rows(shop.product, shop.day(4).key, features=changed)
    with pytest.raises(ContractError) as caught:
        score.run(shop.product, shop.day(4))
    assert "partition 2024-01-04" in caught.value.problem
    assert "columns colour are missing" in caught.value.problem
    assert "amount (the model takes float64, they hold str)" in caught.value.problem
    assert not read_manifest("shop", "score", "2024-01-04")


def test_a_champion_whose_files_were_changed_does_not_predict(shop: Shop):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    score.run(shop.product, shop.day(4))
    before = predictions(shop, 4)
    break_model("1")
    with pytest.raises(IntegrityError, match="version 1 of shop is refused"):
        score.run(shop.product, shop.day(4))
    pd.testing.assert_frame_equal(predictions(shop, 4), before)


def test_a_challenger_whose_files_were_changed_is_left_out(shop: Shop, caplog):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    promote.run(shop.product, shop.train(4, fit=[2, 3]))
    break_model("2")
    assert score.run(shop.product, shop.day(5)) == ScoreResult(240, "1", None, "ok")
    assert "going on without challenger" in caplog.text


def test_without_mlflow_nothing_is_written(shop: Shop, monkeypatch):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    monkeypatch.setenv("MLFACTORY_MLFLOW_URI", "http://127.0.0.1:1")
    settings.cache_clear()
    with pytest.raises(ServiceError, match="mlfactory up"):
        score.run(shop.product, shop.day(4))
    assert Lake("shop").version("predictions") is None
    assert not read_manifest("shop", "score", "2024-01-04")


def test_missing_values_and_unknown_categories_are_predicted(shop: Shop):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    features = Lake("shop").read("features", [shop.day(4).key]).drop(columns="partition")
    features.loc[:99, "colour"] = "green"
    leave_rows(shop.product, shop.day(4).key, features=features)
    assert score.run(shop.product, shop.day(4)).rows == 240
    assert predictions(shop, 4)["score"].notna().all()


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_each_kind_of_label_has_its_columns(mlflow_file, make_product, kind: str):
    shop = Shop(make_product(spec_of(kind, "[]")))
    shop.sell(1, 2, 3, 4)
    score.run(shop.product, shop.day(1))
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    score.run(shop.product, shop.day(4))
    rows = predictions(shop, 4)
    if kind == "regression":
        assert "probabilities" not in rows
        assert np.array_equal(rows["score"], rows["prediction"])
        return
    chances = np.stack(rows["probabilities"].to_list())
    names = np.array(models.load_version("shop", "1").classes)
    assert np.allclose(chances.sum(axis=1), 1)
    assert list(rows["prediction"]) == list(names[chances.argmax(axis=1)])
    assert np.array_equal(rows["score"], chances.max(axis=1))


@pytest.mark.parametrize("shadow", ["works", "breaks at once", "breaks midway"])
def test_a_partition_of_many_batches_is_predicted_as_one_batch_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog, shadow: str
):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    promote.run(shop.product, shop.train(4, fit=[2, 3]))
    score.run(shop.product, shop.day(5))
    whole = predictions(shop, 5)
    monkeypatch.setattr(batches, "BATCH", 100)
    predict, asked = score_stage.predict, []

    def breaks(*given):
        asked.append(given[4])
        fails = {"breaks at once": 1, "breaks midway": 2}.get(shadow)
        if given[4] == "challenger" and asked.count("challenger") == fails:
            raise ContractError("it broke", remedy="mend it")
        return predict(*given)

    monkeypatch.setattr(score_stage, "predict", breaks)
    result = score.run(shop.product, shop.day(5))
    if shadow == "works":
        assert asked == ["champion"] * 3 + ["challenger"] * 3
        assert result == ScoreResult(240, "1", "2", "ok")
    else:
        assert result == ScoreResult(240, "1", None, "ok")
        assert "going on without challenger: it broke" in caplog.text
        whole = whole[whole["role"] == "champion"]
    pd.testing.assert_frame_equal(predictions(shop, 5), whole)
    assert read_manifest("shop", "score", "2024-01-05")["written"] == {"predictions": len(whole)}


def test_features_that_are_gone_midway_leave_the_predictions_as_they_were(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    score.run(shop.product, shop.day(4))
    before = predictions(shop, 4)
    monkeypatch.setattr(batches, "BATCH", 100)
    read = score_stage.batches_of_run

    def lost(*given):
        for number, batch in enumerate(read(*given)):
            if number == 2:
                raise IntegrityError("features are gone", remedy="put them back")
            yield batch

    monkeypatch.setattr(score_stage, "batches_of_run", lost)
    with pytest.raises(IntegrityError, match="features are gone"):
        score.run(shop.product, shop.day(4))
    pd.testing.assert_frame_equal(predictions(shop, 4), before)
    assert not read_manifest("shop", "score", "2024-01-04")
