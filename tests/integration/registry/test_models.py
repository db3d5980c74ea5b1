from __future__ import annotations

from pathlib import Path

import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
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

from mlfactory.product.errors import IntegrityError, UsageError
from mlfactory.registry import models
from mlfactory.registry.connection import client
from mlfactory.registry.files import model_location
from mlfactory.registry.models import digest_of, load_version, log_model
from mlfactory.registry.runs import training_run
from mlfactory.registry.versions import register, tags_of
from mlfactory.settings import settings


def double(values: pd.DataFrame) -> pd.DataFrame:
    return values * 2


@pytest.fixture
def run(product) -> str:
    return training_run(product, "2024-01-03", "2024-01-03.test")


def registered(run: str, estimator, rows: pd.DataFrame) -> tuple[str, Path]:
    uri = log_model(run, estimator, rows.head(5), estimator.predict(rows.head(5)))
    version = register("shop", uri, run, {"training_id": "2024-01-03.test"})
    location = client().get_logged_model(uri.removeprefix("models:/")).artifact_location
    return version, Path(location.removeprefix("file://"))


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
    version, folder = registered(run, estimator, rows)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(IntegrityError, match="version 1 of shop is refused: the digest"):
        load_version("shop", version)


def test_an_added_file_and_a_missing_folder_are_refused(run, estimator, rows):
    version, folder = registered(run, estimator, rows)
    (folder / "extra.py").write_text("")
    with pytest.raises(IntegrityError, match="changed, added or removed"):
        load_version("shop", version)
    (folder / "extra.py").unlink()
    load_version("shop", version)
    folder.rename(folder.with_name("elsewhere"))
    models._load_checked.cache_clear()
    with pytest.raises(IntegrityError, match="changed, added or removed"):
        load_version("shop", version)


def test_a_version_without_digest_is_refused(run, estimator, rows):
    uri = log_model(run, estimator, rows.head(5), estimator.predict(rows.head(5)))
    client().create_registered_model("shop")
    made = client().create_model_version("shop", model_location(uri), run)
    with pytest.raises(IntegrityError, match="has no tag 'digest'"):
        load_version("shop", str(made.version))


def test_a_version_that_does_not_exist_is_said_so(run, estimator, rows):
    registered(run, estimator, rows)
    with pytest.raises(UsageError, match="shop has no version 9"):
        load_version("shop", "9")


def test_a_model_with_untrusted_types_is_refused_by_name_when_it_is_logged(run, rows):
    numbers = rows[["amount"]].fillna(0.0)
    model = make_pipeline(FunctionTransformer(double), LogisticRegression())
    model.fit(numbers, np.arange(60) % 2)
    with pytest.raises(IntegrityError, match="double"):
        registered(run, model, numbers)


def test_a_model_with_untrusted_types_is_refused_when_it_is_loaded(run, rows):
    numbers = rows[["amount"]].fillna(0.0)
    version, folder = registered(run, LogisticRegression().fit(numbers, np.arange(60) % 2), numbers)
    from skops.io import dump

    # even where whoever changed the files could change the digest as well
    dump(KNeighborsClassifier().fit(numbers, np.arange(60) % 2), folder / "model.skops")
    client().set_model_version_tag("shop", version, "digest", digest_of(folder))
    with pytest.raises(IntegrityError, match="not trusted: sklearn"):
        load_version("shop", version)


def test_loading_with_mlflow_itself_does_not_spoil_the_digest(run, estimator, rows, monkeypatch):
    version, folder = registered(run, estimator, rows)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    mlflow.set_tracking_uri(settings().tracking_uri)
    mlflow.sklearn.load_model(f"models:/shop/{version}")
    assert (folder / "registered_model_meta").exists()
    assert load_version("shop", version).version == version


def test_the_same_model_of_the_same_training_is_registered_once(run, estimator, rows):
    uri = log_model(run, estimator, rows.head(5), estimator.predict(rows.head(5)))
    tags = {"training_id": "2024-01-03.test", "partition": "2024-01-03"}
    first = register("shop", uri, run, tags)
    assert register("shop", uri, run, tags) == first
    again = log_model(run, estimator, rows.head(5), estimator.predict(rows.head(5)))
    assert register("shop", again, run, tags) != first
    assert tags_of("shop", first)["partition"] == "2024-01-03"
    assert len(tags_of("shop", first)["digest"]) == 64


def test_a_model_changed_after_its_registration_is_not_registered_again(run, estimator, rows):
    uri = log_model(run, estimator, rows.head(5), estimator.predict(rows.head(5)))
    register("shop", uri, run, {"training_id": "t"})
    location = client().get_logged_model(uri.removeprefix("models:/")).artifact_location
    Path(location.removeprefix("file://"), "model.skops").write_bytes(b"other")
    with pytest.raises(IntegrityError, match="its files were changed since"):
        register("shop", uri, run, {"training_id": "t"})
