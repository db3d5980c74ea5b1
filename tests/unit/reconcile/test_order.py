"""What waits for what when gaps are mended, and that nothing waits for ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.reconcile.conftest import NOW, Ran
from tests.unit.reconcile.test_reconcile_runs import ALL, Airflow, dag_run, look

from mlfactory.cycle import steps
from mlfactory.cycle.job import Done, Job
from mlfactory.lake.at_work import at_work
from mlfactory.lake.removal import remove_source
from mlfactory.product.errors import LateSourceError
from mlfactory.product.loader import Product
from mlfactory.reconcile import reconcile
from mlfactory.reconcile.gaps import DATA, MISSING, OTHER_CODE, STALE, UNCONSUMED
from mlfactory.reconcile.stage import MOST_MENDED

GONE = tuple(f"2026-03-0{day}" for day in range(1, 6))
"""Partitions that landed, were reset, and are no more in their source."""

NEWER = ("2026-03-07", "2026-03-08", "2026-03-09")


@pytest.fixture
def reset(rain: Product, ran: Ran) -> None:
    """Let six days be landed and the source be reset; the three newest days were never run."""
    for day in (*GONE, "2026-03-06"):
        ran(*ALL, key=day)
    remove_source("rain", "gauge")


def failed(days: Sequence[str], ago: timedelta) -> list[Any]:
    return [dag_run("data", day, "failed", "reconcile__1", ago) for day in days]


@pytest.mark.usefixtures("reset")
def test_what_was_never_run_waits_until_what_was_reset_is_landed_again(rain: Product) -> None:
    airflow = Airflow()
    gaps = look(rain, airflow)
    assert airflow.triggered == [("rain.data", day) for day in GONE[:MOST_MENDED]]
    waiting = [gap for gap in gaps if gap.kind == MISSING]
    assert tuple(gap.key for gap in waiting) == NEWER
    told = "waits for 2026-03-01, which is landed again before it"
    assert {gap.hindrance for gap in waiting} == {told}


@pytest.mark.usefixtures("reset")
@pytest.mark.parametrize("ago", [timedelta(minutes=20), timedelta(hours=2)])
def test_a_landing_that_failed_holds_up_nothing_newer_be_it_due_again_or_not(
    rain: Product, ago: timedelta
) -> None:
    airflow = Airflow(failed([*GONE, "2026-03-06"], ago))
    look(rain, airflow)
    assert airflow.triggered == [("rain.data", day) for day in NEWER]


def test_what_a_person_must_mend_holds_up_nothing_newer(rain: Product, ran: Ran) -> None:
    ran("ingest", "validate", key="2026-03-08", verdict="stop")
    airflow = Airflow()
    look(rain, airflow)
    assert airflow.triggered == [("rain.data", "2026-03-09")]


@pytest.mark.usefixtures("reset")
def test_what_was_tried_and_failed_comes_after_what_was_not(rain: Product) -> None:
    airflow = Airflow(failed(GONE, timedelta(hours=2)))
    look(rain, airflow)
    # the one that was not tried yet, which is older than what was never run
    tried = [day for _, day in airflow.triggered]
    assert tried == ["2026-03-01", "2026-03-02", "2026-03-06"]


@pytest.mark.usefixtures("reset")
def test_without_airflow_all_that_can_be_landed_is_though_the_oldest_never_can(
    rain: Product, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ingest(job: Job) -> Done:
        if job.partition.key in GONE:
            raise LateSourceError("there is no such file")
        ran(*ALL, key=job.partition.key)
        return Done({}, stop_here="that was all")

    for name in steps.STEPS:
        monkeypatch.setitem(steps.STEPS, name, ingest if name == "ingest" else lambda _: Done({}))
    for _ in range(5):
        gaps = reconcile(rain, mend=True, now=NOW)
    left = reconcile(rain, now=NOW)
    assert {gap.key for gap in gaps} >= set(GONE)
    assert {gap.key for gap in left} == set(GONE)


@pytest.mark.parametrize("kind", [MISSING, STALE, UNCONSUMED, OTHER_CODE])
def test_no_gap_of_any_kind_is_mended_where_a_command_is_at_work(
    rain: Product, ran: Ran, kind: str
) -> None:
    days = ("2026-03-07", "2026-03-08", "2026-03-09")
    for day in days:
        stages = ALL[:2] if kind == UNCONSUMED else ALL
        if kind != MISSING or day != "2026-03-08":
            ran(*stages, key=day, code="old" if kind == OTHER_CODE else "")
        if kind == STALE:
            ran("ingest", key=day, mark="2")
    airflow = Airflow()
    with at_work("rain", "mlfactory run of 2026-03-08 to 2026-03-09", first="2026-03-08"):
        gaps = [gap for gap in look(rain, airflow) if gap.kind == kind and gap.part == DATA]
    held = {gap.key for gap in gaps if gap.hindrance}
    assert held == ({"2026-03-08"} if kind == MISSING else set(days[1:]))
    assert [key for _, key in airflow.triggered] == ([] if kind == MISSING else ["2026-03-07"])
    # when it is over nothing waits
    look(rain, airflow)
    assert ("rain.data", "2026-03-08") in airflow.triggered
