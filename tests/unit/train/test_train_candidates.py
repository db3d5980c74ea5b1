from __future__ import annotations

from itertools import islice

import numpy as np
import pandas as pd
import pytest
from skops.io import dumps

from mlfactory.product.spec import CANDIDATES, Features
from mlfactory.registry.answers import answer_scores
from mlfactory.registry.trusted import load_trusted
from mlfactory.train.candidates import build, sample

FEATURES = Features(
    key=("row",), numeric=("weight", "never"), categorical=("town", "street", "unknown")
)
EVERY = [(kind, name) for kind, names in CANDIDATES.items() for name in names]
ROWS = 700


def a_frame(seed: int = 0) -> pd.DataFrame:
    """Give rows with 350 streets, gaps in every column, and columns that are all gaps."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "weight": random.normal(size=ROWS),
            "never": np.full(ROWS, np.nan),
            "town": random.choice(["Ulm", "Bonn", "Jena"], ROWS),
            "street": [f"street {row % 350}" for row in range(ROWS)],
            "unknown": pd.Series([None] * ROWS, dtype="str"),
        }
    ).astype({"town": "str", "street": "str"})
    frame.loc[::7, ["weight", "town"]] = None
    return frame


def labels(frame: pd.DataFrame, kind: str) -> np.ndarray:
    signal = frame["weight"].fillna(0) + (frame["town"] == "Ulm")
    if kind == "regression":
        return signal.to_numpy()
    if kind == "binary":
        return (signal > 0.4).to_numpy().astype(np.int64)
    return np.array(["low", "middle", "high"])[np.digitize(signal, [-0.2, 0.8])]


def fast(name: str) -> dict[str, int]:
    if name in ("extra_trees", "random_forest"):
        return {"n_estimators": 20}
    return {"max_iter": 30} if name == "hist_gradient_boosting" else {}


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_family_takes_gaps_and_strangers_and_survives_storing(kind, name):
    train, unseen = a_frame(0), a_frame(1)
    unseen["town"], unseen["never"] = "Oz", 1.0
    unseen.loc[3, "street"] = "a street nobody knows"
    estimator = build(name, FEATURES, kind, fast(name), 7, train).fit(train, labels(train, kind))
    scores = answer_scores(estimator, unseen)
    assert np.isfinite(scores).all()
    stored = load_trusted(dumps(estimator), "the model")
    assert np.array_equal(answer_scores(stored, unseen), scores)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_family_learns_with_its_defaults_and_the_same_each_time(kind, name):
    train, test = a_frame(0), a_frame(1)
    y, truth = labels(train, kind), labels(test, kind)
    one, other = (build(name, FEATURES, kind, fast(name), 7, train).fit(train, y) for _ in range(2))
    assert np.array_equal(answer_scores(one, test), answer_scores(other, test))
    if kind == "regression":
        assert np.corrcoef(one.predict(test), truth)[0, 1] > 0.8
    else:
        guessing = max(np.mean(truth == name) for name in np.unique(truth))
        assert np.mean(one.predict(test) == truth) > guessing + 0.2


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_the_defaults_come_first_and_more_trials_do_not_change_the_first_ones(kind, name):
    few, many = list(sample(name, kind, 3, seed=7)), list(sample(name, kind, 9, seed=7))
    assert many[:3] == few
    assert len(many) == 9
    assert len({str(params) for params in many}) == 9
    fitted = build(name, FEATURES, kind, {}, 7, a_frame()).named_steps["model"].get_params()
    assert {key: fitted[key] for key in few[0]} == few[0]


def test_candidates_and_seeds_draw_apart():
    draws = [
        [params["min_samples_leaf"] for params in islice(sample(name, "binary", 3, seed), 1, None)]
        for name, seed in (("extra_trees", 7), ("random_forest", 7), ("extra_trees", 8))
    ]
    assert len({tuple(draw) for draw in draws}) == 3


def test_a_category_with_hundreds_of_levels_does_not_become_hundreds_of_columns():
    train = a_frame()
    model = build("logistic_regression", FEATURES, "binary", {}, 7, train)
    model.fit(train, labels(train, "binary"))
    assert model.named_steps["prepare"].transform(train).shape[1] < 120
