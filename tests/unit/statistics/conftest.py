"""Outcomes of models, made up, for the tests of the statistics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mlfactory.statistics.metrics import Outcome


@pytest.fixture
def outcome() -> Callable[..., Outcome]:
    """Give what makes an outcome of some kind of label, with many ties among its scores."""
    return make_outcome


def make_outcome(kind: str, rows: int = 400, seed: int = 0) -> Outcome:
    """Make rows whose scores have many ties."""
    rng = np.random.default_rng(seed)
    if kind == "regression":
        y = rng.gamma(2, 50, rows)
        predicted = np.round(y + rng.normal(3, 20, rows))
        return Outcome("regression", y, predicted, predicted)
    if kind == "multiclass":
        true = rng.integers(0, 4, rows)
        scores = rng.dirichlet(np.ones(4), rows) * 0.5 + 0.5 * np.eye(4)[true]
        scores[::3] = rng.dirichlet(np.ones(4), len(scores[::3]))
        return Outcome("multiclass", true, scores, scores.argmax(axis=1), classes=tuple("abcd"))
    truth = (rng.random(rows) < 0.3).astype(np.float64)
    scores = np.round(1 / (1 + np.exp(-(truth - 0.5 + rng.normal(0, 2, rows)))), 1)
    return Outcome("binary", truth, scores, (scores > 0.5).astype(np.float64), costs=(60, 12))
