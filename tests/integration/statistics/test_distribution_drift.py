"""How often drift is found where there is none, by many simulated worlds."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.statistics.test_distribution_drift import detect, hours, month_after_reference


@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_false_alarms_are_as_rare_as_promised(memory: float) -> None:
    alarms = []
    for seed in range(10):
        found = detect(*month_after_reference(seed, memory), false_alarm_rate=0.1, replicates=200)
        alarms.append(found.state != "ok")
    assert np.mean(alarms) <= 0.3


def test_a_day_of_a_feature_whose_days_are_skewed_is_no_drift_oftener_than_promised() -> None:
    """A few far-out days in six weeks made 20 % of false alarms at 5 %: days are not normal."""
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        days = np.repeat(np.exp(rng.normal(0, 1, (4, 43))) / 2, 60, axis=1)
        columns = days + rng.normal(size=days.shape)
        parts = np.split(columns, [42 * 60], axis=1)
        before, after = ({f"x{i}": values for i, values in enumerate(part)} for part in parts)
        found = detect(before, after, days=(42, 1), false_alarm_rate=0.05, replicates=100)
        alarms += found.state in ("warn", "alert")
    assert alarms <= 7


@pytest.mark.parametrize("reference", [168, 504])
@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_a_daily_rhythm_of_hourly_data_is_no_drift(reference: int, memory: float) -> None:
    """With rows taken as exchangeable, 19 of 24 hours were in alert."""
    alarms = 0
    for seed in range(3):
        before, after = hours(seed, reference, memory)
        alarms += detect(before, after, days=(reference, 24), unit="h").state in ("warn", "alert")
    assert alarms <= 1
