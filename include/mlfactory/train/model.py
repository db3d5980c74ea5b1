"""The model of a training, fitted on all of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joblib import parallel_config  # type: ignore[import-untyped]

from mlfactory.product.spec import ProductSpec
from mlfactory.train.candidates import build
from mlfactory.train.dataset import Rows
from mlfactory.train.search import quiet_fit
from mlfactory.train.threshold import with_threshold


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
