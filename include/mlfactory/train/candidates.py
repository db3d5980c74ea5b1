"""The candidate families: how each prepares its inputs, its defaults, and what is searched.

All are made of scikit-learn's own parts, so that they can be stored with skops. All take missing
values, and categories they have never seen.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import loguniform, randint, uniform
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import ParameterSampler
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from mlfactory.product.metrics import LabelKind
from mlfactory.product.spec import Features

Params = dict[str, Any]

_MOST_COLUMNS_A_CATEGORY = 100
"""Rarer levels share a column: a linear model would learn little more than noise of each."""

_MOST_CODES_A_CATEGORY = 255
"""As many as histogram boosting can tell apart."""


@dataclass(frozen=True)
class Family:
    """One kind of model.

    Attributes:
        make: builds the whole estimator from features, kind of label, parameters and seed.
        defaults: parameters of the first trial.
        searched: the distributions of the other trials.
    """

    make: Callable[[Features, LabelKind, Params, int], Pipeline]
    defaults: Callable[[LabelKind], Params]
    searched: Callable[[LabelKind], Mapping[str, Any]]


def build(
    candidate: str,
    features: Features,
    kind: LabelKind,
    params: Mapping[str, Any],
    seed: int,
    inputs: pd.DataFrame,
) -> Pipeline:
    """Return an estimator of a family, from a frame of model inputs to its answers, to be fitted.

    Columns that are missing in all rows of `inputs`, the rows it will be fitted on, are ignored
    for good: nothing can be learned of them, and histogram boosting does not take them.
    """
    family = FAMILIES[candidate]
    known = set(inputs.columns[inputs.notna().any()])
    features = features.model_copy(
        update={
            "numeric": tuple(name for name in features.numeric if name in known),
            "categorical": tuple(name for name in features.categorical if name in known),
        }
    )
    return family.make(features, kind, {**family.defaults(kind), **params}, seed)


def sample(candidate: str, kind: LabelKind, trials: int, seed: int) -> Iterator[Params]:
    """Yield the parameters of each trial, the defaults first.

    Candidates draw apart from each other, and the first trials are the same however many follow.
    """
    family = FAMILIES[candidate]
    yield family.defaults(kind)
    if trials > 1:
        own_seed = (seed + zlib.crc32(candidate.encode())) % 2**32
        for params in ParameterSampler(family.searched(kind), trials - 1, random_state=own_seed):
            yield {
                **family.defaults(kind),
                **{name: _plain(value) for name, value in params.items()},
            }


def _plain(value: Any) -> Any:
    """Return NumPy's numbers as Python's, which JSON can write."""
    return value.item() if isinstance(value, np.generic) else value


def _scaled_and_one_hot(features: Features) -> ColumnTransformer:
    numeric = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    categorical = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=_MOST_COLUMNS_A_CATEGORY
    )
    return ColumnTransformer(
        [
            ("numeric", numeric, list(features.numeric)),
            ("categorical", categorical, list(features.categorical)),
        ]
    )


def _as_codes(features: Features) -> ColumnTransformer:
    """Leave numbers as they are and give categories codes; missing and unseen ones are missing."""
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=_MOST_CODES_A_CATEGORY,
    )
    return ColumnTransformer(
        [
            ("numeric", "passthrough", list(features.numeric)),
            ("categorical", codes, list(features.categorical)),
        ]
    )


def _pipeline(prepare: ColumnTransformer, model: Any) -> Pipeline:
    return Pipeline([("prepare", prepare), ("model", model)])


def _logistic_regression(
    features: Features, kind: LabelKind, params: Params, seed: int
) -> Pipeline:
    return _pipeline(_scaled_and_one_hot(features), LogisticRegression(max_iter=1000, **params))


def _ridge(features: Features, kind: LabelKind, params: Params, seed: int) -> Pipeline:
    return _pipeline(_scaled_and_one_hot(features), Ridge(random_state=seed, **params))


def _hist_gradient_boosting(
    features: Features, kind: LabelKind, params: Params, seed: int
) -> Pipeline:
    made = HistGradientBoostingRegressor if kind == "regression" else HistGradientBoostingClassifier
    categories = [False] * len(features.numeric) + [True] * len(features.categorical)
    model = made(categorical_features=categories, early_stopping=False, random_state=seed, **params)
    return _pipeline(_as_codes(features), model)


def _extra_trees(features: Features, kind: LabelKind, params: Params, seed: int) -> Pipeline:
    made = ExtraTreesRegressor if kind == "regression" else ExtraTreesClassifier
    return _pipeline(_as_codes(features), made(random_state=seed, **params))


def _random_forest(features: Features, kind: LabelKind, params: Params, seed: int) -> Pipeline:
    made = RandomForestRegressor if kind == "regression" else RandomForestClassifier
    return _pipeline(_as_codes(features), made(random_state=seed, **params))


def _searched_of_boosting(kind: LabelKind) -> Mapping[str, Any]:
    loss = {"loss": ["squared_error", "absolute_error"]} if kind == "regression" else {}
    return {
        "learning_rate": loguniform(0.02, 0.3),
        "max_iter": randint(40, 200),
        "max_leaf_nodes": randint(4, 48),
        "min_samples_leaf": randint(2, 100),
        "l2_regularization": loguniform(1e-2, 1e2),
        "max_features": uniform(0.3, 0.7),
        **loss,
    }


def _searched_of_trees(kind: LabelKind) -> Mapping[str, Any]:
    # more features a split make trees slow, and help with values more than with classes
    widest = 0.7 if kind == "regression" else 0.45
    return {
        "min_samples_leaf": loguniform(3e-5, 3e-3),
        "max_features": uniform(0.1, widest - 0.1),
    }


def _trees(kind: LabelKind) -> Params:
    return {
        "n_estimators": 100,
        # a share of the rows: the same figure suits 200 rows and 200,000
        "min_samples_leaf": 2e-4,
        "max_features": 0.5 if kind == "regression" else 0.25,
    }


def _boosting(kind: LabelKind) -> Params:
    return {
        "learning_rate": 0.1,
        "max_iter": 100,
        "max_leaf_nodes": 15,
        "min_samples_leaf": 20,
        "l2_regularization": 1.0,
        "max_features": 1.0,
    }


FAMILIES: dict[str, Family] = {
    "logistic_regression": Family(
        _logistic_regression, lambda kind: {"C": 0.1}, lambda kind: {"C": loguniform(1e-3, 1e2)}
    ),
    "ridge": Family(
        _ridge, lambda kind: {"alpha": 1.0}, lambda kind: {"alpha": loguniform(1e-2, 1e4)}
    ),
    "hist_gradient_boosting": Family(_hist_gradient_boosting, _boosting, _searched_of_boosting),
    "extra_trees": Family(_extra_trees, _trees, _searched_of_trees),
    "random_forest": Family(
        _random_forest,
        # each tree sees half of the rows: as good, and twice as fast
        lambda kind: {**_trees(kind), "max_samples": 0.5},
        _searched_of_trees,
    ),
}
