from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlfactory.statistics.metrics import Outcome, measure
from mlfactory.train.dataset import Rows
from mlfactory.train.thinning import thinned


def rows_of(y: np.ndarray) -> Rows:
    frame = pd.DataFrame({"id": np.arange(len(y)), "x": np.arange(float(len(y)))})
    return Rows(frame, frame[["x"]], y, None, None, np.arange(len(y)))


def test_few_rows_are_all_kept():
    rows = rows_of(np.arange(100) % 2)
    assert thinned(rows, ["id"], "binary", 100) is rows


def test_all_rows_of_a_rare_class_are_kept_and_the_weights_tell_the_true_share():
    y = (np.arange(200_000) % 10_000 == 0).astype(np.int64)
    few = thinned(rows_of(y), ["id"], "binary", 400)
    assert 380 <= len(few) <= 420
    assert few.y.sum() == 20
    assert few.weights is not None
    assert np.average(few.y, weights=few.weights) == pytest.approx(y.mean())
    assert few.weights.sum() == pytest.approx(len(y))
    constant = Outcome("binary", few.y.astype(float), np.full(len(few), 0.0), np.zeros(len(few)))
    assert measure(constant, "accuracy", few.weights) == pytest.approx(1 - y.mean())


def test_a_panel_is_not_thinned_in_its_own_rhythm():
    shop = np.arange(50_000) % 50
    few = thinned(
        rows_of(np.random.default_rng(1).normal(size=50_000)), ["id"], "regression", 1_000
    )
    counts = np.bincount(shop[few.frame["id"]], minlength=50)
    assert few.weights is None
    assert counts.min() >= 8 and counts.max() <= 40
    assert (np.diff(few.frame["id"]) > 0).all()


def test_which_rows_are_kept_does_not_depend_on_the_others():
    y = np.random.default_rng(2).integers(0, 2, 20_000)
    kept = set(thinned(rows_of(y), ["id"], "binary", 1_000).frame["id"])
    fewer = set(thinned(rows_of(y), ["id"], "binary", 500).frame["id"])
    assert fewer < kept


def test_of_common_classes_each_keeps_its_share_without_weights():
    y = (np.arange(100_000) % 4 == 0).astype(np.int64)
    few = thinned(rows_of(y), ["id"], "binary", 40_000)
    assert few.weights is None
    assert few.y.mean() == pytest.approx(0.25, abs=0.001)
