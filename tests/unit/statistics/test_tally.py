"""Rows that are counted batch by batch tell what the whole tells, to the last bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlfactory.statistics.drift import compare, detect
from mlfactory.statistics.histograms import FeatureKind
from mlfactory.statistics.profile import Profile, block_numbers, profile_of
from mlfactory.statistics.tally import Tally, tally, together

KINDS: dict[str, FeatureKind] = {"x": "numeric", "c": "categorical", "gone": "numeric"}


def rows(seed: int, count: int, first: str = "2026-01-01") -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    names = generator.choice(["a", "b", None, f"only {seed}"], count, p=[0.6, 0.3, 0.05, 0.05])
    hours = pd.to_timedelta(generator.integers(0, 24 * 40, count), "h")
    return pd.DataFrame(
        {
            "x": np.where(generator.random(count) < 0.1, np.nan, generator.normal(size=count)),
            "c": names,
            "gone": generator.normal(size=count),
            "at": pd.Timestamp(first, tz="UTC") + hours,
        }
    )


@pytest.fixture(scope="module")
def profile() -> Profile:
    then = rows(1, 5_000)
    return profile_of(then, KINDS, then["at"], "month")


def counted(profile: Profile, part: pd.DataFrame) -> Tally:
    blocks = block_numbers(part["at"], profile.unit) if profile.unit else None
    return tally(profile, part, blocks, {"x", "c"})


@pytest.mark.parametrize("cut", [61, 500, 5_000])
def test_batches_of_any_size_tell_what_the_whole_tells(profile: Profile, cut: int) -> None:
    now = rows(2, 999, "2026-03-01")
    found = together([counted(profile, now.iloc[at : at + cut]) for at in range(0, 999, cut)])
    whole = counted(profile, now)
    assert (found.rows, set(found.counts)) == (999, {"x", "c"})
    assert all((found.counts[name] == whole.counts[name]).all() for name in whole.counts)
    assert found.blocks is not None and whole.blocks is not None
    assert found.blocks.tolist() == whole.blocks.tolist()
    blocks = block_numbers(now["at"], profile.unit)
    told = detect(profile, now[["x", "c"]], blocks, false_alarm_rate=0.01, seed=3)
    assert compare(profile, found, false_alarm_rate=0.01, seed=3) == told


def test_exchangeable_rows_add_up_without_blocks() -> None:
    then, now = rows(1, 3_000), rows(2, 3_000)
    profile = profile_of(then, KINDS, None, "snapshot")
    parts = [counted(profile, now.iloc[at : at + 400]) for at in range(0, 3_000, 400)]
    found = compare(profile, together(parts), false_alarm_rate=0.01, seed=1)
    assert found == detect(profile, now[["x", "c"]], None, false_alarm_rate=0.01, seed=1)
    assert (found.state, found.current_rows) == ("warn", 3_000)


def test_counts_beyond_what_a_float_can_tell_are_exact(profile: Profile) -> None:
    one = counted(profile, rows(2, 1))
    many = Tally(one.rows, {n: c * (2**25 + 1) for n, c in one.counts.items()}, one.blocks)
    assert int((many + one).counts["x"].sum()) == 2**25 + 2


def test_no_rows_add_nothing_and_other_features_are_refused(profile: Profile) -> None:
    some = counted(profile, rows(2, 50))
    nothing = counted(profile, rows(2, 0))
    assert (some + nothing) is some and (nothing + some) is some
    assert together([]).rows == 0
    with pytest.raises(ValueError, match="not counted alike"):
        some + tally(profile, {"x": np.zeros(3)}, np.zeros(3, dtype=np.intp))
