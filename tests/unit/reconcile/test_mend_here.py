"""Mending without Airflow: what a DAG's run would cause, in this process."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.reconcile.conftest import NOW, Ran

from mlfactory.cycle import steps
from mlfactory.cycle.job import Done, Job
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product
from mlfactory.reconcile import reconcile

BROKEN = ("2026-03-05", "2026-03-06", "2026-03-07", "2026-03-08")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bool]]:
    """Let every step say that it was run, for what and whether it lands; some are broken."""
    said: list[tuple[str, str, bool]] = []

    def step(name: str) -> Any:
        def run(job: Job) -> Done:
            said.append((name, job.partition.key, job.land))
            if name == "validate" and job.partition.key in BROKEN:
                raise ContractError("7 of 9 rows are bad")
            return Done({}, stop_here="no" if name == "retrain" else "")

        return run

    for name in steps.STEPS:
        monkeypatch.setitem(steps.STEPS, name, step(name))
    return said


def test_one_gap_that_cannot_be_mended_keeps_no_other_from_it(
    rain: Product, ran: Ran, done: list[tuple[str, str, bool]]
) -> None:
    ran("ingest", key="2026-03-08")
    ran("ingest", key="2026-03-09")
    broken, mended = reconcile(rain, mend=True, now=NOW)
    assert broken.hindrance == "it was tried, and failed: 7 of 9 rows are bad"
    assert not broken.mended
    assert mended.mended == "ran labels, ingest, validate, prepare, score, monitor, retrain"
    # what was landed stands
    assert {land for _, _, land in done} == {False}


def test_many_gaps_that_cannot_be_mended_keep_no_other_from_it(
    rain: Product, ran: Ran, done: list[tuple[str, str, bool]]
) -> None:
    days = [*BROKEN, "2026-03-09"]
    for day in days:
        ran("ingest", key=day)
    tried = []
    for _ in range(3):
        done.clear()
        gaps = reconcile(rain, mend=True, now=NOW)
        assert [gap.key for gap in gaps] == days
        tried.append([key for name, key, _ in done if name == "validate"])
        # a look without mending forgets nothing
        reconcile(rain, now=NOW)
    # first all once; then, beside what was mended (and seems not to be, here), the oldest failures
    assert tried == [days[:3], [days[0], *days[3:]], [days[1], days[2], days[4]]]


def test_a_partition_that_was_never_landed_is(
    rain: Product, ran: Ran, done: list[tuple[str, str, bool]]
) -> None:
    ran("ingest", "validate", "prepare", "score", "monitor", "retrain", key="2026-03-08")
    reconcile(rain, mend=True, now=NOW)
    assert done[:2] == [("labels", "2026-03-09", True), ("ingest", "2026-03-09", True)]
