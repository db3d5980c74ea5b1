"""What the policy is told of figures, in words."""

from __future__ import annotations

import pytest

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
