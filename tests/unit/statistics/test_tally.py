"""Rows that are counted batch by batch tell what the whole tells, to the last bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlfactory.statistics.drift import compare, detect
from mlfactory.statistics.histograms import FeatureKind
from mlfactory.statistics.profile import Profile, block_numbers, profile_of
from mlfactory.statistics.summary.file import tally_from_bytes, to_bytes
from mlfactory.statistics.summary.table import Summary, summary_of
from mlfactory.statistics.tally import (
    Tally,
    tally,
    tally_of_frame,
    tally_of_table,
    together,
)

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


ODD_NUMBERS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324]
ODD_NAMES = ["a", "b", "", "nan", "None", "é", "a ", None, np.nan]


def odd(seed: int, count: int) -> pd.DataFrame:
    """Return rows with what a table may hold, and columns without any value."""
    rng = np.random.default_rng(seed)
    usual = rng.normal(size=count).round(rng.integers(0, 4))
    names = [ODD_NAMES[each] for each in rng.integers(0, len(ODD_NAMES), count)]
    often, more = rng.random(count) < 0.5, [f"{seed} {each}" for each in rng.integers(0, 90, count)]
    return pd.DataFrame(
        {
            "number": np.where(rng.random(count) < 0.3, rng.choice(ODD_NUMBERS, count), usual),
            "name": pd.Series(np.where(often, more, np.array(names, dtype=object)), dtype="str"),
            "no number": np.full(count, np.nan),
            "no name": pd.Series([None] * count, dtype="str"),
            "at": pd.Timestamp("2026-01-01", tz="UTC")
            + pd.to_timedelta(rng.integers(-9, 24 * 40, count) + rng.random(count), "h"),
        }
    )


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("time", ["at", None])
def test_a_table_is_counted_as_its_frame_is_and_comes_back_from_a_file(
    seed: int, time: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlfactory.statistics.tally._PIECE", 61)
    kinds: dict[str, FeatureKind] = dict.fromkeys(["number", "no number"], "numeric")
    kinds |= dict.fromkeys(["name", "no name"], "categorical")
    then, now = odd(seed, 3_000), odd(seed + 100, 50 * seed)
    times = None if time is None else then[time]
    known = profile_of(then, kinds, times, "month" if time else "snapshot")
    known = Profile.from_bytes(known.to_bytes())
    table = pa.Table.from_pandas(now, preserve_index=False)
    found = tally_of_table(known, table, kinds, time)
    rows = tally_of_frame(known, now, kinds, None if time is None else now[time])
    kept = tally_from_bytes(to_bytes(summary_of(table), {}, found))
    assert kept is not None
    for each in (found, kept):
        assert each.rows == rows.rows == len(now)
        assert {**each.counts}.keys() == {**rows.counts}.keys()
        assert all((each.counts[name] == rows.counts[name]).all() for name in rows.counts)
        assert (each.blocks is None) == (rows.blocks is None)
        assert each.blocks is None or each.blocks.tolist() == np.asarray(rows.blocks).tolist()
    told = [compare(known, each, false_alarm_rate=0.01, seed=3) for each in (found, kept, rows)]
    assert repr(told[0]) == repr(told[1]) == repr(told[2])


def test_bins_are_known_again_by_the_digest_of_their_file(profile: Profile) -> None:
    content = profile.to_bytes()
    assert not profile.digest
    assert Profile.from_bytes(content).digest == Profile.from_bytes(content).digest != ""
    then = rows(7, 5_000)
    other = profile_of(then, KINDS, then["at"], "month").to_bytes()
    assert Profile.from_bytes(other).digest != Profile.from_bytes(content).digest


@pytest.mark.parametrize("cut", [0, 7, 300])
def test_a_damaged_file_is_no_tally(profile: Profile, cut: int) -> None:
    some = counted(profile, rows(2, 50))
    content = to_bytes(Summary(), {}, some)
    assert tally_from_bytes(to_bytes(Summary(), {})) is None
    with pytest.raises(ValueError, match="no summary"):
        tally_from_bytes(content[:cut])
