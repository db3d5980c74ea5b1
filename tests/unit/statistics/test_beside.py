"""A profile that is made while the same rows are looked at for something else."""

from __future__ import annotations

import threading
from typing import cast

import pyarrow as pa
import pytest

from mlfactory.profiles.kept import Profiling


def test_rows_looked_at_beside_are_all_summarised_when_the_summary_is_asked_for() -> None:
    found = Profiling("shop.sales")
    for start in (0, 10):
        found.begin(pa.table({"x": list(range(start, start + 10))}))
    assert found.summary is not None
    assert found.summary.rows == 20
    assert found.summary.columns["x"].high == 19


def test_without_a_thread_rows_are_summarised_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    found = Profiling("shop.sales")
    found.begin(pa.table({"x": [1, 2]}))
    assert found.summary is not None and found.summary.rows == 2


def test_rows_that_cannot_be_summarised_beside_leave_no_profile_and_say_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = Profiling("shop.sales")
    found.begin(pa.table({"x": [1]}))
    found.begin(cast(pa.Table, "no table"))
    found.begin(pa.table({"x": [2]}))
    assert found.summary is None
    assert "shop.sales: it cannot be profiled" in caplog.text
