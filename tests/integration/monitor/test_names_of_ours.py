"""Features may be called as our own columns are: they are scored, measured and reported."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.integration.shops import TRUTH, Shop, spec_of
from tests.left_rows import leave_rows

from mlfactory import monitor, promote, score
from mlfactory.lake.tables import Lake

pytestmark = pytest.mark.one_lake

NUMBERS = ["label", "block", "score", "event_time", "available_at", "decision"]
SENSITIVE = ["role", "model_version", "prediction"]


def test_features_and_slices_may_have_the_names_of_our_own_columns(mlflow_file, make_product):
    text = spec_of().replace("[amount, noise]", f"[amount, {', '.join(NUMBERS)}]")
    shop = Shop(make_product(text.replace("[region]", f"[region, {', '.join(SENSITIVE)}]")))
    shop.more = NUMBERS
    shop.sell(1, 2, 3, 4)
    for day in (1, 2, 3, 4):
        _label(shop, day)
    assert promote.run(shop.product, shop.train(3, fit=[1, 2])).promoted
    assert score.run(shop.product, shop.day(4)).state == "ok"
    predictions = Lake("shop").read("predictions")
    assert set(predictions["role"]) == {"champion"}
    states = monitor.run(shop.product, shop.day(4)).states
    assert states["performance"] in ("ok", "warn", "alert", "insufficient")
    metrics = Lake("shop").read("metrics")
    drift = metrics[metrics["metric"] == "drift"]
    assert {*NUMBERS, "amount"} <= set(drift["slice"])
    slices = set(metrics["slice"])
    assert {f"{name}={value}" for name in SENSITIVE for value in ("low", "high")} <= slices


def _label(shop: Shop, day: int) -> None:
    """Give the day its labels, and sensitive columns of two values."""
    frame = shop._days[shop.day(day).key]
    for name in SENSITIVE:
        frame[name] = np.where(frame["noise"] > 0, "high", "low")
    truth = frame[["id", "at"]].assign(label=frame[TRUTH], available_at=frame["at"])
    rows: pd.DataFrame = frame.drop(columns=TRUTH)
    leave_rows(shop.product, shop.day(day).key, features=rows, labels=truth)
