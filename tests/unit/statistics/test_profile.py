"""A profile tells of its reference all that is ever asked, from a file that is small."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlfactory.statistics.drift import detect
from mlfactory.statistics.histograms import FeatureKind
from mlfactory.statistics.profile import Profile, profile_by, profile_of

KINDS: dict[str, FeatureKind] = {"x": "numeric", "c": "categorical", "few": "numeric"}


def rows(seed: int, days: int, first: int = 0, a_day: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    count = days * a_day
    names = rng.choice(["a", "b", None, "rare"], count, p=[0.5, 0.39, 0.1, 0.01]).astype(object)
    names[rng.random(count) < 0.01] = f"only {seed}"
    at = pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(
        first * 24 + np.arange(count) * 24 / a_day, "h"
    )
    return pd.DataFrame(
        {
            "x": rng.normal(size=count),
            "c": names,
            "few": rng.integers(0, 4, count).astype(float),
            "at": at,
        }
    )


def test_a_profile_read_back_judges_as_the_rows_did():
    then, now = rows(1, 60), rows(2, 30, 60)
    profile = profile_of(then, KINDS, then["at"], "month")
    content = profile.to_bytes()
    again = Profile.from_bytes(content)
    numbers = (now["at"] - pd.Timestamp(0, tz="UTC")).dt.days.to_numpy()
    results = [detect(one, now, numbers, false_alarm_rate=0.01, seed=1) for one in (profile, again)]
    assert results[0] == results[1]
    assert results[0].state == "ok"
    assert (again.unit, again.cycle, again.rows) == ("D", 7, 2400)
    assert len(content) < 100_000


def test_a_profile_is_small_however_many_rows_there_were():
    then = rows(1, 60, a_day=2000)
    assert len(profile_of(then, KINDS, then["at"], "month").to_bytes()) < 100_000


@pytest.mark.parametrize(
    "content", [b"", b"not a profile", profile_by({}, {}, None, "").to_bytes()[:-9]]
)
def test_what_is_no_profile_is_refused_by_that_word(content):
    with pytest.raises(ValueError, match="profile"):
        Profile.from_bytes(content)


@pytest.mark.parametrize(
    ("every", "days", "unit", "cycle"),
    [
        ("month", 60, "D", 7),
        ("week", 28, "D", 7),
        ("week", 14, "D", 1),
        ("day", 42, "D", 7),
        ("day", 7, "h", 24),
        ("hour", 21, "h", 168),
        ("hour", 14, "h", 24),
        ("hour", 2, "h", 1),
        ("snapshot", 60, "", 1),
    ],
)
def test_blocks_and_cycle_follow_from_how_time_is_cut_and_how_much_there_is(
    every, days, unit, cycle
):
    then = rows(1, days, a_day=48)
    profile = profile_of(then, KINDS, then["at"], every)
    assert (profile.unit, profile.cycle) == (unit, cycle)


def test_features_that_one_side_does_not_know_are_left_out():
    then, now = rows(1, 60), rows(2, 30, 60)
    profile = profile_of(then, KINDS, then["at"], "month")
    numbers = (now["at"] - pd.Timestamp(0, tz="UTC")).dt.days.to_numpy()
    now = now.drop(columns="few").assign(new=1.0)
    result = detect(profile, now, numbers, false_alarm_rate=0.01, seed=1)
    assert [one.name for one in result.features] == ["x", "c"]


def test_with_more_names_than_are_kept_rare_and_unseen_ones_are_alike():
    names = np.array([f"{i}" for i in range(20_000)], dtype=object)
    profile = profile_by({"c": names}, {"c": "categorical"}, np.arange(20_000) // 500, "D")
    assert len(profile.to_bytes()) < 20_000
    now = np.array([f"new {i}" for i in range(3000)], dtype=object)
    blocks = 40 + np.arange(3000) // 500
    assert detect(profile, {"c": now}, blocks, false_alarm_rate=0.01, seed=1).state == "ok"
