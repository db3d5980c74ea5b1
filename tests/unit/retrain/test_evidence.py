"""What the policy is told of figures, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from tests.unit.retrain.test_policy import spec

from mlfactory.product.loader import Product
from mlfactory.retrain import evidence
from mlfactory.retrain.evidence import _figures


@pytest.mark.parametrize(
    ("metric", "value", "bound", "side"),
    [
        ("r2", -0.5, 0.3, "below"),
        ("roc_auc", 0.57, 0.58, "below"),
        ("cost", 12.0, 8.0, "above"),
        ("bias", -0.9, 0.1, "above"),
        ("bias", 0.2, -0.5, "below"),
    ],
)
def test_of_a_bias_alone_the_size_says_on_which_side_of_its_bound_it_is(metric, value, bound, side):
    """An r2 of -0.5 was above 0.3."""
    held_out = {"value": value, "bound": bound, "why": "held_out"}
    said = _figures(metric, held_out)
    assert said == f"{metric} {value:.4g} {side} {bound:.4g} on the held-out rows"


@pytest.mark.parametrize(
    ("every", "most"), [("hour", 2017), ("day", 85), ("week", 13), ("month", 4)]
)
def test_no_more_is_read_for_a_partition_long_after_the_champion(monkeypatch, every, most):
    """An hour long after the champion's cut-off took 18 s."""
    product = Product(spec(partition={"every": every, "start": "2013-01-07"}), Path("flights"))
    read: list[str] = []

    def noted(name, table, keys, **more):
        read.extend(keys)
        return pd.DataFrame()

    monkeypatch.setattr(evidence, "vouched_rows", noted)
    calendar = product.calendar
    cutoff = calendar.containing(datetime(2013, 2, 1, tzinfo=UTC))
    key = calendar.shift(cutoff, 40 * most)
    evidence.observations_until(product, key, cutoff.key)
    # the longest trigger looks back on three windows
    assert len(read) <= most
    assert max(read) == key.key
