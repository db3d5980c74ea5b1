"""A registered model as MLflow itself loads and serves it: what build returns in, decisions out."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlfactory.product.errors import ContractError
from mlfactory.registry.models import StoredModel, load_stored, log_model
from mlfactory.registry.runs import training_run
from mlfactory.registry.serving import served_by_mlflow
from mlfactory.registry.versions import register
from mlfactory.settings import settings

ASK = """
import json, sys, mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/shop/1")
frame = pd.DataFrame({"extra": ["x", "y", "z"], "colour": pd.Categorical(["red", None, "green"]),
                      "amount": pd.array([1, None, 2], dtype="Int64")})
print(model.predict(frame).to_json(orient="split"))
print(model.metadata.signature.inputs.input_names())
"""

SERVE = """
import json, sys
from fastapi.testclient import TestClient
import mlflow
from mlflow.pyfunc.scoring_server import init
mlflow.set_tracking_uri(sys.argv[1])
client = TestClient(init(mlflow.pyfunc.load_model("models:/shop/1")))
rows = [{"amount": 1, "colour": "red"}, {"amount": None, "colour": None}]
split = {"columns": ["colour", "amount"], "data": [["red", 1], ["?", 2.5]]}
for body in ({"dataframe_records": rows}, {"dataframe_split": split}):
    answer = client.post("/invocations", json=body)
    print(json.dumps([answer.status_code, answer.json()]))
"""


def in_a_fresh_process(code: str) -> list[str]:
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, settings().tracking_uri],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **quiet},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()


@pytest.fixture
def stored(product, estimator, rows) -> StoredModel:
    run = training_run(product, "2024-01-03", "t")
    made = log_model(run, estimator, rows.head(5))
    register("shop", made, run, {"training_id": "t"})
    return made


def test_a_fresh_process_asks_with_a_raw_frame_and_gets_score_and_decision(stored):
    answer, names = in_a_fresh_process(ASK)
    found = json.loads(answer)
    assert found["columns"] == ["score", "decision"]
    raw = pd.DataFrame({"amount": [1.0, np.nan, 2.0], "colour": ["red", None, "green"]})
    expected = load_stored(stored.address, stored.digest).table(raw)
    assert np.allclose(found["data"], expected.to_numpy())
    assert 0 < found["data"][0][0] < 1
    assert {row[1] for row in found["data"]} <= {0.0, 1.0}
    assert names == "['amount', 'colour']"


def test_mlflows_own_server_answers_with_a_probability(stored):
    records, split = (json.loads(line) for line in in_a_fresh_process(SERVE))
    raw = pd.DataFrame({"amount": [1, None], "colour": ["red", None]})
    expected = load_stored(stored.address, stored.digest).table(raw)
    assert records[0] == split[0] == 200
    assert [row["score"] for row in records[1]["predictions"]] == pytest.approx(
        expected["score"].tolist()
    )
    assert [row["decision"] for row in records[1]["predictions"]] == expected["decision"].tolist()
    assert split[1]["predictions"][0]["score"] == pytest.approx(expected["score"].iloc[0])


def test_several_classes_are_answered_by_name_with_every_probability(product, rows):
    label = np.array(["ant", "bee", "cat"], dtype=object)[np.arange(60) // 20]
    numbers = rows[["amount"]].fillna(0.0)
    run = training_run(product, "2024-01-03", "t")
    made = log_model(run, LogisticRegression().fit(numbers, label), numbers.head(5))
    answered = served_by_mlflow(made.address, numbers)
    assert list(answered) == [
        "score",
        "decision",
        "probability_ant",
        "probability_bee",
        "probability_cat",
    ]
    every = answered.filter(like="probability_")
    assert np.allclose(every.sum(axis=1), 1)
    assert np.array_equal(answered["score"], every.max(axis=1))
    assert set(answered["decision"]) == {"ant", "bee", "cat"}


def test_a_value_is_both_score_and_decision(product, rows):
    numbers = rows[["amount"]].fillna(0.0)
    run = training_run(product, "2024-01-03", "t")
    made = log_model(run, Ridge().fit(numbers, np.arange(60.0)), numbers.head(5))
    answered = served_by_mlflow(made.address, numbers.assign(amount=2))
    assert np.array_equal(answered["score"], answered["decision"])


def test_truth_values_and_whole_numbers_are_the_text_they_were_in_training(product):
    kinds = pd.Series(["True", "False", "3"] * 20, dtype="str")
    encoded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]), (SimpleImputer(), ["paid"])
    )
    frame = pd.DataFrame({"kind": kinds, "paid": np.arange(60.0) % 2})
    model = make_pipeline(encoded, LogisticRegression()).fit(frame, (kinds == "True").astype(int))
    run = training_run(product, "2024-01-03", "t")
    made = log_model(run, model, frame.head(5))
    typed = served_by_mlflow(made.address, frame)["score"]
    raw = frame.assign(
        kind=pd.Series([True, False, 3.0] * 20, dtype=object), paid=frame["paid"].astype(bool)
    )
    assert np.array_equal(served_by_mlflow(made.address, raw)["score"], typed)
    assert typed.nunique() > 2


def test_what_is_missing_or_no_number_is_said_by_name(product, rows):
    run = training_run(product, "2024-01-03", "t")
    numbers = rows[["amount"]].fillna(0.0)
    made = log_model(run, DummyClassifier().fit(numbers, np.arange(60) % 2), numbers.head(5))
    model = load_stored(made.address, made.digest)
    with pytest.raises(ContractError, match="inputs amount are missing"):
        model.answer(pd.DataFrame({"colour": ["red"]}))
    with pytest.raises(ContractError, match=r"'amount' is a number, and 1 of 2 rows .*'much'"):
        model.answer(pd.DataFrame({"amount": [1, "much"]}))
