"""Drift is found where there is some, and called where there is none as rarely as promised.

The simulations here are few, for gross faults; `make chance` makes the whole table.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import process_time
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import ks_2samp

from mlfactory.statistics import drift
from mlfactory.statistics.drift import DriftResult, DriftState
from mlfactory.statistics.histograms import FeatureKind
from mlfactory.statistics.profile import profile_by

Columns = dict[str, npt.NDArray[Any]]


def detect(
    reference: Mapping[str, npt.ArrayLike],
    current: Mapping[str, npt.ArrayLike],
    *,
    days: tuple[int, int] = (60, 30),
    categorical: bool = False,
    unit: str = "D",
    **options: float,
) -> DriftResult:
    """Compare columns whose rows are spread evenly over days, at a false-alarm rate of 1 %."""
    kind: FeatureKind = "categorical" if categorical else "numeric"
    rows = [len(np.asarray(next(iter(columns.values())))) for columns in (reference, current)]
    profile = profile_by(
        reference,
        dict.fromkeys(reference, kind),
        np.arange(rows[0]) * days[0] // max(1, rows[0]),
        unit,
    )
    return drift.detect(
        profile,
        current,
        days[0] + np.arange(rows[1]) * days[1] // max(1, rows[1]),
        **{"false_alarm_rate": 0.01, "replicates": 200, "seed": 1, **options},  # type: ignore[arg-type]
    )


def numbers(seed: int, rows: int = 3000, features: int = 4) -> Columns:
    rng = np.random.default_rng(seed)
    return {f"x{i}": rng.normal(size=rows) for i in range(features)}


def month_after_reference(seed: int, memory: float) -> tuple[Columns, Columns]:
    """Make 60 and 30 days of 20 rows; what days bring is a stationary AR(1) with a week in it."""
    rng = np.random.default_rng(seed)
    level = np.zeros((120, 6))
    for day in range(1, 120):
        level[day] = memory * level[day - 1] + np.sqrt(1 - memory**2) * rng.normal(size=6)
    week = np.sin(2 * np.pi * np.arange(120) / 7)[:, np.newaxis]
    rows = np.repeat((0.5 * (memory > 0) * (level + week))[30:], 20, axis=0)
    rows += rng.normal(size=rows.shape)
    columns = {f"x{i}": values for i, values in enumerate(rows.T)}
    columns["x5"] = np.digitize(columns["x5"], [-1, 0, 1])
    before = {name: values[:1200] for name, values in columns.items()}
    return before, {name: values[1200:] for name, values in columns.items()}


def test_rows_alone_would_raise_false_alarms_on_days_that_are_alike() -> None:
    before, after = month_after_reference(3, 0.8)
    assert ks_2samp(before["x1"], after["x1"]).pvalue < 0.001
    assert detect(before, after).features[1].state == "insufficient"


def test_a_trend_within_the_reference_does_not_hide_that_it_goes_on() -> None:
    rng = np.random.default_rng(4)
    warmer = np.arange(1800) / 600 + np.repeat(rng.normal(0, 0.3, 90), 20) + rng.normal(size=1800)
    (found,) = detect({"x": warmer[:1200]}, {"x": warmer[1200:]}).features
    assert found.state == "alert"


def test_a_weekly_cycle_hides_less_when_it_is_known() -> None:
    thresholds = [
        detect(*month_after_reference(seed, 0.2), unit=unit).features[0].threshold
        for unit in ("D", "")
        for seed in range(5)
    ]
    assert np.mean(thresholds[:5]) < 0.8 * np.mean(thresholds[5:])


def test_a_shift_of_one_feature_is_an_alert_of_that_feature() -> None:
    after = numbers(2, 1500)
    after["x2"] = after["x2"] + 0.5
    found = detect(numbers(1), after)
    assert [feature.state for feature in found.features] == ["ok", "ok", "alert", "ok"]
    assert found.state == "alert"
    drifted = found.features[2]
    assert drifted.distance > drifted.threshold
    assert drifted.p_value <= 0.01


def test_a_significant_shift_without_effect_is_a_warning() -> None:
    after = numbers(2, 1500)
    after["x2"] = after["x2"] + 0.5
    found = detect(numbers(1), after, effect_at_least=0.3)
    assert found.features[2].state == found.state == "warn"


def test_numeric_distance_is_that_of_kolmogorov_and_smirnov() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.gamma(2, 1, 5000), rng.gamma(2.5, 1, 2000)
    (found,) = detect({"x": before}, {"x": after}).features
    assert found.distance == pytest.approx(ks_2samp(before, after).statistic, abs=0.005)
    (flags,) = detect({"x": np.arange(600) % 2}, {"x": (np.arange(600) % 2) / 2}).features
    assert flags.distance == pytest.approx(0.5)


def test_categorical_distance_is_total_variation() -> None:
    before = np.array(["a", "b", "c", "d"] * 500, dtype=object)
    after = np.array(["a", "a", "b", "c"] * 300, dtype=object)
    (found,) = detect({"c": before}, {"c": after}, categorical=True).features
    assert found.distance == pytest.approx(0.25)
    assert found.state == "alert"


def test_unseen_categories_count_together() -> None:
    before = np.array(["a", "b"] * 600, dtype=object)
    after = before.copy()
    after[::5] = [f"new {i}" for i in range(240)]
    (found,) = detect({"c": before}, {"c": after}, categorical=True).features
    assert found.distance == pytest.approx(0.2)
    assert found.state == "alert"


def test_new_names_that_come_up_every_day_are_no_drift() -> None:
    names = np.random.default_rng(0).zipf(1.4, 9000)
    (found,) = detect({"c": names[:6000]}, {"c": names[6000:]}, categorical=True).features
    assert found.state == "ok"


def test_a_share_of_missing_values_that_changes_is_drift() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.normal(size=3000), rng.normal(size=1500)
    after[::4] = np.nan
    (number,) = detect({"x": before}, {"x": after}).features
    names = np.array(["a", "b", None] * 1000, dtype=object)
    (name,) = detect({"c": names}, {"c": names[names != None]}, categorical=True).features  # noqa: E711
    assert number.state == name.state == "alert"
    assert number.distance == pytest.approx(0.25, abs=0.03)
    assert name.distance == pytest.approx(1 / 3)


@pytest.mark.parametrize("categorical", [False, True])
def test_a_column_that_is_all_missing_is_compared_like_any_other(categorical: bool) -> None:
    full, empty = np.arange(1200.0) % 5, np.full(1200, np.nan)
    found = [
        detect({"x": before}, {"x": after}, categorical=categorical).features[0]
        for before in (full, empty)
        for after in (full, empty)
    ]
    assert [feature.state for feature in found] == ["ok", "alert", "alert", "ok"]
    assert [feature.distance for feature in found] == [0, 1, 1, 0]


def test_infinite_values_are_values() -> None:
    before = np.append(np.random.default_rng(0).normal(size=1198), [np.inf, -np.inf])
    (found,) = detect({"x": before}, {"x": np.full(600, np.inf)}).features
    assert found.distance == pytest.approx(1, abs=0.01)


def test_a_handful_of_rows_is_no_drift_of_a_constant() -> None:
    after = np.zeros(1200)
    after[:5] = 1
    (five,) = detect({"x": np.zeros(2400)}, {"x": after}).features
    after[5] = 1
    (six,) = detect({"x": np.zeros(2400)}, {"x": after}).features
    assert (five.state, five.p_value) == ("ok", 1)
    assert six.state == "warn"


def test_current_data_with_fewer_rows_a_day_has_a_wider_threshold() -> None:
    before = numbers(1, 6000)
    many, few = (detect(before, numbers(2, rows)) for rows in (3000, 120))
    assert few.state == "ok"
    assert few.features[0].threshold > 1.5 * many.features[0].threshold
    states = [detect(before, numbers(seed, 120)).state for seed in range(6)]
    assert states.count("ok") >= 5


@pytest.mark.parametrize(
    ("rows", "days", "state"),
    [
        ((49, 1500), (10, 10), "insufficient"),
        ((3000, 49), (60, 30), "insufficient"),
        ((3000, 1500), (7, 7), "insufficient"),
        ((3000, 0), (60, 30), "no_data"),
        ((800, 400), (40, 7), "ok"),
    ],
)
def test_too_little_is_a_state(
    rows: tuple[int, int], days: tuple[int, int], state: DriftState
) -> None:
    found = detect(numbers(1, rows[0]), numbers(2, rows[1]), days=days)
    assert found.state == state
    assert {feature.state for feature in found.features} == {state}
    assert np.isnan(found.features[0].threshold) == (state != "ok")


def test_exchangeable_rows_need_no_blocks() -> None:
    before, after = numbers(1), numbers(2, 400)
    kinds: dict[str, FeatureKind] = dict.fromkeys(before, "numeric")
    states = []
    for shift in (0.0, 0.6):
        after["x0"] = np.sort(after["x0"]) + shift
        profile = profile_by(before, kinds, None, "")
        found = drift.detect(profile, after, None, false_alarm_rate=0.01, seed=1)
        states.append(found.state)
    assert states == ["ok", "alert"]


def test_the_threshold_is_where_significance_begins() -> None:
    before = {"x": np.arange(2000) % 100 / 100}
    threshold = detect(before, {"x": before["x"][:1000]}).features[0].threshold
    for beyond, state in ((-0.011, "ok"), (0.011, "warn")):
        moved = before["x"][:1000] + threshold + beyond
        (found,) = detect(before, {"x": moved}, effect_at_least=0.9).features
        assert found.state == state
        assert (found.p_value <= 0.01) == (state == "warn")


def test_the_same_seed_gives_the_same_result() -> None:
    before, after = numbers(1), numbers(2)
    assert detect(before, after) == detect(before, after)
    assert detect(before, after) != detect(before, after, seed=2)


def test_a_rate_that_is_rarer_than_the_replicates_draws_more_of_them() -> None:
    after = {name: values + 1 for name, values in numbers(2).items()}
    found = detect(numbers(1), after, false_alarm_rate=0.001, replicates=10)
    assert found.state == "alert"
    assert found.features[0].p_value <= 0.001


def test_columns_that_differ_in_length_are_refused() -> None:
    before = numbers(1)
    before["x1"] = before["x1"][1:]
    with pytest.raises(ValueError, match=r"differ in length: \[2999, 3000\]"):
        detect(before, numbers(2))


def test_nothing_to_compare_is_a_state() -> None:
    profile = profile_by({}, {}, np.arange(100), "D")
    assert drift.detect(profile, {}, None, false_alarm_rate=0.01, seed=1).state == "no_data"


@pytest.mark.parametrize("rate", [0, 1])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        detect(numbers(1), numbers(2), false_alarm_rate=rate)


def test_many_rows_and_features_are_fast() -> None:
    before, after = numbers(1, 40_000, 8), numbers(2, 20_000, 8)
    start = process_time()
    detect(before, after, replicates=1000)
    assert process_time() - start < 0.8


def test_a_small_shift_is_found_beside_persistent_features_as_it_is_alone() -> None:
    """A shift of 0.15 sd was found 5 of 6 times alone, and never beside six persistent ones."""
    found = {"alone": 0, "beside": 0}
    for seed in range(6):
        rng = np.random.default_rng(seed)
        level = np.zeros((180, 6))
        for day in range(1, 180):
            level[day] = 0.8 * level[day - 1] + 0.6 * rng.normal(size=6)
        rows = np.repeat(level, 60, axis=0) + rng.normal(size=(180 * 60, 6))
        columns: Columns = {f"weather {i}": values for i, values in enumerate(rows.T)}
        columns["x"] = rng.normal(size=180 * 60)
        columns["x"][150 * 60 :] += 0.15
        for name in found:
            chosen = columns if name == "beside" else {"x": columns["x"]}
            before = {key: values[: 150 * 60] for key, values in chosen.items()}
            after = {key: values[150 * 60 :] for key, values in chosen.items()}
            result = detect(before, after, days=(150, 30))
            found[name] += result.features[-1].state in ("warn", "alert")
    assert found["alone"] >= 5
    assert found["beside"] >= 4


def hours(seed: int, reference: int, memory: float) -> tuple[Columns, Columns]:
    """Make hours of 20 rows with a daily rhythm of one standard deviation, then a day of them."""
    rng = np.random.default_rng(seed)
    count = reference + 24
    level = np.zeros((count + 50, 4))
    for hour in range(1, count + 50):
        level[hour] = memory * level[hour - 1] + np.sqrt(1 - memory**2) * rng.normal(size=4)
    rhythm = np.sqrt(2) * np.sin(2 * np.pi * np.arange(count) / 24)[:, np.newaxis]
    rows = np.repeat(0.3 * level[50:] + rhythm, 20, axis=0) + rng.normal(size=(count * 20, 4))
    split = reference * 20
    columns = {f"x{i}": values for i, values in enumerate(rows.T)}
    return (
        {name: values[:split] for name, values in columns.items()},
        {name: values[split:] for name, values in columns.items()},
    )


def test_a_single_day_can_be_more_unusual_than_any_of_the_reference() -> None:
    """One day drawn from six Mondays was never beyond the most unusual: 20 % at nominal 5 %."""
    alarms = 0
    for seed in range(10):
        before, after = numbers(seed, 42 * 100, 6), numbers(1000 + seed, 100, 6)
        alarms += detect(before, after, days=(42, 1), false_alarm_rate=0.05).state != "ok"
    assert alarms <= 1


def test_a_bound_of_half_the_rows_is_cannot_tell_and_not_calm() -> None:
    before, after = month_after_reference(3, 0.8)
    found = detect(before, after)
    assert all((one.state == "insufficient") == (one.threshold >= 0.5) for one in found.features)
    assert found.state == "insufficient"
    assert found.usual_threshold >= 0.5


@pytest.mark.parametrize(
    ("reference", "days", "rows_a_day"), [(154, 7, 40), (42, 4, 100)], ids=["weekly", "daily"]
)
def test_defaults_of_weeks_and_days_find_a_shift_of_half_a_deviation(
    reference: int, days: int, rows_a_day: int
) -> None:
    """With bounds of 0.7 to 1.0 they never found any."""
    before = numbers(1, reference * rows_a_day, 6)
    after = numbers(2, days * rows_a_day, 6)
    after["x3"] = after["x3"] + 0.5
    found = detect(before, after, days=(reference, days))
    assert found.features[3].state == "alert"
    assert found.usual_threshold < 0.15
