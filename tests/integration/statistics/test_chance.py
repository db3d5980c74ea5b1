"""What chance does to equal models, by many simulated worlds."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.statistics.test_chance import two_equals_of_a_burst


@pytest.mark.parametrize("metric", ["recall", "f1", "roc_auc", "average_precision"])
@pytest.mark.parametrize("of_days", [True, False])
def test_equals_pass_as_rarely_as_promised_where_positives_come_in_bursts(
    metric: str, of_days: bool
) -> None:
    for share, runs in {1 / 30: 120, 0.8: 60}.items():
        found = [
            two_equals_of_a_burst(seed, share, metric, of_days=of_days) for seed in range(runs)
        ]
        assert np.mean([one.at_least(0.95) > 0 for one in found]) <= 0.11
        assert np.mean([one.noise.tells for one in found]) == (share < 0.5)
