from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler
from skops.io import dumps

from mlfactory.lake import ledger
from mlfactory.lake.catalog import CLAIMS
from mlfactory.lake.store import Store, product_store
from mlfactory.product.errors import IntegrityError, UsageError
from mlfactory.registry import models
from mlfactory.registry.artifacts import digest_of, own_store
from mlfactory.registry.connection import client
from mlfactory.registry.models import StoredModel, load_stored, load_version, log_model
from mlfactory.registry.runs import training_run
from mlfactory.registry.versions import register, tags_of
from mlfactory.settings import settings


def double(values: pd.DataFrame) -> pd.DataFrame:
    return values * 2


@pytest.fixture
def run(product) -> str:
    return training_run(product, "2024-01-03", "2024-01-03.test")


def registered(run: str, estimator, rows: pd.DataFrame) -> tuple[str, Store]:
    stored = log_model(run, estimator, rows.head(5))
    version = register("shop", stored, run, {"training_id": "2024-01-03.test"})
    return version, files_of(stored)


def files_of(stored: StoredModel) -> Store:
    store = own_store(stored.address)
    assert store is not None
    return store


def digest_in(store: Store) -> str:
    return digest_of(store.read_many(store.list()))


def decided(version: str, digest: str) -> None:
    details = {"version": version, "digest": digest, "seen_through": "2024-01-03"}
    ledger.record("shop", ledger.Entry("promoted", "2024-01-03", "it is good", details=details))


def test_a_registered_version_answers_as_the_estimator_that_was_logged(run, estimator, rows):
    version, _ = registered(run, estimator, rows)
    loaded = load_version("shop", version)
    answers = loaded.answer(rows.assign(unrelated=1))
    assert np.array_equal(answers.scores, estimator.predict_proba(rows)[:, 1])
    assert np.array_equal(answers.decisions, estimator.predict(rows))
    assert np.array_equal(loaded.expected, answers.scores[:5])
    assert loaded.tags["training_id"] == "2024-01-03.test"
    pd.testing.assert_frame_equal(loaded.input_example, rows.head(5))


def test_a_category_that_is_always_missing_keeps_its_type_in_the_example(run, rows):
    rows = rows.assign(colour=pd.Series([None] * len(rows), dtype="str"))
    model = make_pipeline(
        make_column_transformer((OrdinalEncoder(), ["colour"])), DummyClassifier()
    ).fit(rows, np.arange(len(rows)) % 2)
    version, _ = registered(run, model, rows)
    assert load_version("shop", version).input_example["colour"].dtype == "str"


@pytest.mark.parametrize(
    "model",
    [
        HistGradientBoostingClassifier(max_iter=5, categorical_features=[1]),
        RandomForestClassifier(5),
        LogisticRegression(),
    ],
)
def test_classifiers_of_several_classes_keep_their_names(run, rows, model):
    label = np.array(["ant", "bee", "cat"], dtype=object)[np.arange(60) // 20]
    encoded = make_column_transformer((OrdinalEncoder(), ["colour"]), remainder="passthrough")
    rows = rows.fillna({"amount": 0.0, "colour": "none"})
    model = make_pipeline(encoded, model).fit(rows, label)
    version, _ = registered(run, model, rows)
    loaded = load_version("shop", version)
    answers = loaded.answer(rows)
    assert loaded.classes == ("ant", "bee", "cat")
    assert answers.scores.shape == (60, 3)
    assert list(answers.decisions) == list(model.predict(rows))


@pytest.mark.parametrize(
    "model",
    [
        TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
        TransformedTargetRegressor(ExtraTreesRegressor(5), transformer=StandardScaler()),
    ],
)
def test_regressors_decide_what_they_predict(run, rows, model):
    numbers = rows[["amount"]].fillna(0.0)
    model.fit(numbers, np.arange(60.0))
    version, _ = registered(run, model, numbers)
    answers = load_version("shop", version).answer(numbers)
    assert np.array_equal(answers.scores, model.predict(numbers))
    assert np.array_equal(answers.decisions, answers.scores)


@pytest.mark.parametrize(
    "name", ["model.skops", "MLmodel", "answers.npy", "example.parquet", "requirements.txt"]
)
def test_a_flipped_byte_in_any_file_is_refused(run, estimator, rows, name):
    version, store = registered(run, estimator, rows)
    content = bytearray(store.read(name))
    content[len(content) // 2] ^= 1
    store.write(name, bytes(content))
    with pytest.raises(IntegrityError, match="version 1 of shop is refused: the digest"):
        load_version("shop", version)


def test_an_added_file_is_refused_and_absent_files_are_said_to_be_absent(run, estimator, rows):
    version, store = registered(run, estimator, rows)
    store.write("extra.py", b"")
    with pytest.raises(IntegrityError, match="changed, added or removed"):
        load_version("shop", version)
    store.delete("extra.py")
    load_version("shop", version)
    store.delete_all()
    models._load.cache_clear()
    with pytest.raises(IntegrityError, match=r"there are no files at .*(?s:.)*MLFACTORY_HOME"):
        load_version("shop", version)


def test_a_home_that_moved_takes_its_models_along(run, estimator, rows, monkeypatch, tmp_path):
    version, _ = registered(run, estimator, rows)
    before = load_version("shop", version).answer(rows).scores
    home = settings().home
    home.rename(tmp_path / "moved")
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path / "moved"))
    settings.cache_clear()
    assert np.array_equal(load_version("shop", version).answer(rows).scores, before)


def test_a_file_and_its_tag_swapped_together_are_refused_by_the_ledger(run, estimator, rows):
    version, store = registered(run, estimator, rows)
    decided(version, digest_in(store))
    load_version("shop", version)
    other = log_model(run, estimator.fit(rows, np.arange(60) % 2), rows.head(5))
    for name in store.list():
        store.write(name, files_of(other).read(name))
    client().set_model_version_tag("shop", version, "digest", other.digest)
    with pytest.raises(IntegrityError, match=r"another model than the one decided about.*ledger"):
        load_version("shop", version)


def test_a_tag_alone_decides_nothing_where_the_ledger_knows_the_digest(run, estimator, rows):
    version, store = registered(run, estimator, rows)
    decided(version, digest_in(store))
    client().set_model_version_tag("shop", version, "digest", "0" * 64)
    assert load_version("shop", version).version == version
    with pytest.raises(IntegrityError, match="changed, added or removed"):
        load_version("shop", version, digest="1" * 64)


def test_a_version_without_digest_is_refused(run, estimator, rows):
    stored = log_model(run, estimator, rows.head(5))
    client().create_registered_model("shop")
    made = client().create_model_version("shop", stored.address, run)
    with pytest.raises(IntegrityError, match="has no tag 'digest'"):
        load_version("shop", str(made.version))


def test_a_model_is_loaded_by_what_its_training_recorded(run, estimator, rows):
    stored = log_model(run, estimator, rows.head(5))
    loaded = load_stored(stored.address, stored.digest)
    assert np.array_equal(loaded.answer(rows).decisions, estimator.predict(rows))
    with pytest.raises(IntegrityError, match="changed, added or removed"):
        load_stored(stored.address, "0" * 64)


def test_a_version_that_does_not_exist_is_said_so(run, estimator, rows):
    registered(run, estimator, rows)
    for version in ("9", "abc", "-1", "1.5", "champion", ""):
        with pytest.raises(UsageError, match=f"shop has no version {version} in the registry"):
            load_version("shop", version)


def test_a_version_is_held_against_the_ledger_however_it_is_written(run, estimator, rows):
    version, _ = registered(run, estimator, rows)
    decided(version, "0" * 64)
    with pytest.raises(IntegrityError, match="is refused"):
        load_version("shop", f"0{version}")


def test_a_model_with_untrusted_types_is_refused_by_name_when_it_is_logged(run, rows):
    numbers = rows[["amount"]].fillna(0.0)
    model = make_pipeline(FunctionTransformer(double), LogisticRegression())
    model.fit(numbers, np.arange(60) % 2)
    with pytest.raises(IntegrityError, match="double"):
        registered(run, model, numbers)


def test_a_model_with_untrusted_types_is_refused_when_it_is_loaded(run, rows):
    numbers = rows[["amount"]].fillna(0.0)
    version, store = registered(run, LogisticRegression().fit(numbers, np.arange(60) % 2), numbers)
    # even where whoever changed the files could change the digest as well
    store.write("model.skops", dumps(KNeighborsClassifier().fit(numbers, np.arange(60) % 2)))
    client().set_model_version_tag("shop", version, "digest", digest_in(store))
    with pytest.raises(IntegrityError, match="not trusted: sklearn"):
        load_version("shop", version)


def test_loading_with_mlflow_itself_does_not_spoil_the_digest(run, estimator, rows, monkeypatch):
    version, store = registered(run, estimator, rows)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    mlflow.set_tracking_uri(settings().tracking_uri)
    mlflow.sklearn.load_model(f"models:/shop/{version}")
    store.write("registered_model_meta", b"model_name: shop")
    assert load_version("shop", version).version == version


def test_the_same_model_of_the_same_training_is_registered_once(run, estimator, rows):
    stored = log_model(run, estimator, rows.head(5))
    tags = {"training_id": "2024-01-03.test", "partition": "2024-01-03"}
    first = register("shop", stored, run, tags)
    assert register("shop", stored, run, tags) == first
    other = log_model(run, estimator.fit(rows, np.arange(60) % 2), rows.head(5))
    assert register("shop", other, run, tags) != first
    assert tags_of("shop", first)["partition"] == "2024-01-03"
    assert len(tags_of("shop", first)["digest"]) == 64


def test_a_version_made_by_a_process_that_was_killed_before_it_said_so_is_taken(
    run, estimator, rows
):
    stored = log_model(run, estimator, rows.head(5))
    version = register("shop", stored, run, {"training_id": "t"})
    product_store("shop").delete_all(CLAIMS)
    assert register("shop", stored, run, {"training_id": "t"}) == version


def test_of_two_who_register_a_model_at_once_both_get_the_one_version(run, estimator, rows):
    stored = log_model(run, estimator, rows.head(5))
    search, gate = MlflowClient.search_model_versions, Barrier(2)

    def together(*asked, **named):
        """Let neither see what the other makes, as on two machines."""
        found = search(*asked, **named)
        gate.wait(60)
        return found

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(MlflowClient, "search_model_versions", together)
        made = list(pool.map(lambda _: register("shop", stored, run, {"training_id": "t"}), "ab"))
    assert made[0] == made[1]
    assert [one.version for one in client().search_model_versions("name = 'shop'")] == [
        int(made[0])
    ]


def test_a_model_changed_after_it_was_stored_is_not_registered(run, estimator, rows):
    stored = log_model(run, estimator, rows.head(5))
    files_of(stored).write("model.skops", b"other")
    with pytest.raises(IntegrityError, match="its files were changed since"):
        register("shop", stored, run, {"training_id": "t"})
    files_of(stored).delete_all()
    with pytest.raises(IntegrityError, match="its files are not at"):
        register("shop", stored, run, {"training_id": "t"})
