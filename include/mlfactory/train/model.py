"""The model of a training and the naive baseline it is held against, fitted on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joblib import parallel_config  # type: ignore[import-untyped]
from sklearn.dummy import DummyClassifier, DummyRegressor

from mlfactory.product.spec import ProductSpec
from mlfactory.train.candidates import build
from mlfactory.train.dataset import Rows
from mlfactory.train.search import quiet_fit
from mlfactory.train.threshold import baseline_threshold, with_threshold


def fit_model(
    spec: ProductSpec,
    candidate: str,
    params: Mapping[str, Any],
    threshold: float | None,
    rows: Rows,
    seed: int,
) -> Any:
    """Return a candidate fitted on all rows; a binary one says 1 from `threshold` on."""
    estimator: Any = build(candidate, spec.features, spec.label.kind, params, seed, rows.inputs)
    if threshold is not None:
        estimator = with_threshold(estimator, threshold)
    # trees grow on all cores, which neither changes them nor stays with the model
    with parallel_config(backend="threading", n_jobs=-1):
        return quiet_fit(estimator, rows)


def fit_baseline(spec: ProductSpec, rows: Rows) -> Any:
    """Return the best that can be done without features.

    It answers every row alike: with the shares of the classes and the cheaper of the two
    decisions, the most frequent class, or the median.
    """
    if spec.label.kind == "regression":
        return quiet_fit(DummyRegressor(strategy="median"), rows)
    prior = DummyClassifier(strategy="prior")
    if spec.label.kind == "multiclass":
        return quiet_fit(prior, rows)
    return quiet_fit(with_threshold(prior, baseline_threshold(spec.business)), rows)
