"""A mend that failed is tried again, ever later, and never more often than once a day at last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mlfactory.reconcile.pace import hindering, next_try
from mlfactory.scheduler.runs import DagRun

ENDED = datetime(2026, 3, 10, 6, tzinfo=UTC)


def run(run_id: str, state: str) -> DagRun:
    return DagRun("rain.data", run_id, state, "k", ENDED, ENDED, ENDED)


@pytest.mark.parametrize(
    ("tries", "hours"), [(1, 1), (2, 2), (3, 4), (5, 16), (6, 24), (60, 24), (5000, 24)]
)
def test_the_pauses_grow_to_a_day(tries: int, hours: int) -> None:
    assert next_try([run("x", "failed")] * tries) == ENDED + timedelta(hours=hours)


def test_a_run_that_nobody_knows_the_time_of_is_tried_again_at_once() -> None:
    assert next_try([DagRun("rain.data", "x", "failed", "k", None, None, None)]) is None


def test_only_what_did_not_help_since_the_last_success_counts() -> None:
    runs = [
        run("scheduled__1", "failed"),
        run("manual__1", "success"),
        run("scheduled__2", "failed"),
        run("reconcile__1", "success"),
        run("reconcile__2", "failed"),
    ]
    assert hindering(runs) == runs[2:]
    assert hindering(runs[:2]) == []
