from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest

from mlfactory.lake.kinds import times

AT = pd.Timestamp("2026-01-01T05:00", tz="UTC")
CET = timezone(timedelta(hours=1))


@pytest.mark.parametrize("kind", ["str", "object", "category"])
@pytest.mark.parametrize("word", ["now", "today", "Now", "TODAY"])
@pytest.mark.parametrize("spelling", [None, "%Y-%m-%dT%H:%M"])
def test_the_words_for_the_clock_are_no_times(word: str, kind: Any, spelling: str | None) -> None:
    found = times(pd.Series([word, "2026-01-01T05:00", None], dtype=kind), spelling)
    assert found.isna().tolist() == [True, False, True]
    assert found[1] == AT


@pytest.mark.parametrize(
    "given",
    [
        ["2026-01-01T05:00", "2026-01-01T06:00+01:00"],
        [AT, AT.tz_convert("CET")],
        [AT.tz_localize(None), datetime(2026, 1, 1, 6, tzinfo=CET)],
        pd.Series([AT, AT]).dt.tz_localize(None),
    ],
)
def test_times_are_in_utc_whatever_zone_they_have(given: Any) -> None:
    found = times(pd.Series(given))
    assert found.tolist() == [AT, AT]
    assert found.dtype == "datetime64[us, UTC]"


def test_days_are_times_and_numbers_are_none() -> None:
    given = pd.Series([date(2026, 1, 1), 5, 5.0, True, pd.NaT, "soon", []], dtype=object)
    assert times(given).notna().tolist() == [True, *[False] * 6]
    assert times(pd.Series([20260101, 2026])).isna().all()


def test_what_is_finer_than_a_microsecond_is_cut_off() -> None:
    given = pd.Series(["1969-12-31T23:59:59.9999999", "2026-01-01T00:00:00.0000019"])
    assert times(given).dt.microsecond.tolist() == [999999, 1]


def test_no_rows_are_no_times() -> None:
    assert times(pd.Series([], dtype=object)).dtype == "datetime64[us, UTC]"
