from __future__ import annotations

import pytest

from mlfactory.product.metrics import merit


@pytest.mark.parametrize(
    ("metric", "better", "worse"),
    [
        ("roc_auc", 0.8, 0.7),
        ("cost", 1.0, 2.0),
        ("bias", -0.1, 0.5),
        ("bias", 0.1, -0.5),
        ("r2", 0.1, -3.0),
    ],
)
def test_of_two_figures_the_better_has_more_merit(metric: str, better: float, worse: float) -> None:
    assert merit(metric, better) > merit(metric, worse)
