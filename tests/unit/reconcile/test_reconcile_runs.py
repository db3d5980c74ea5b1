"""What Airflow does about a gap already, what is mended, and what is told."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.reconcile.conftest import NOW, Ran

from mlfactory.lake.catalog import RECONCILED_PAGE
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product
from mlfactory.reconcile import reconcile
from mlfactory.reconcile.gaps import WAITING
from mlfactory.reconcile.stage import MOST_MENDED
from mlfactory.scheduler.api import DagRun

ALL = ("ingest", "validate", "prepare", "score", "monitor")


def dag_run(part: str, key: str, state: str, run_id: str = "scheduled__1") -> DagRun:
    return DagRun(f"rain.{part}", run_id, state, key, None, None, None)


class Airflow:
    """As much of the API as is asked, with the runs that there are."""

    url = "http://airflow"

    def __init__(self, runs: Sequence[DagRun] = (), paused: Sequence[str] = ()) -> None:
        self.all_runs = list(runs)
        self.paused = paused
        self.triggered: list[tuple[str, str]] = []

    def knows(self, dag_id: str) -> bool:
        return True

    def is_paused(self, dag_id: str) -> bool:
        return dag_id in self.paused

    def active_runs(self, dag_ids: Sequence[str]) -> list[DagRun]:
        return [run for run in self.all_runs if not run.is_over]

    def runs(self, dag_ids: Sequence[str], key: str) -> list[DagRun]:
        return [run for run in self.all_runs if run.dag_id in dag_ids and run.partition_key == key]

    def trigger(self, dag_id: str, key: str, *, run_id: str) -> DagRun:
        self.triggered.append((dag_id, key))
        return dag_run(dag_id.split(".")[1], key, "queued", run_id)


def look(product: Product, airflow: Airflow, *, mend: bool = True) -> list[Any]:
    return reconcile(product, api=airflow, mend=mend, now=NOW)  # type: ignore[arg-type]


def test_a_missed_partition_is_run(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-08")
    airflow = Airflow()
    (gap,) = look(rain, airflow)
    assert airflow.triggered == [("rain.data", "2026-03-09")]
    assert gap.mended.startswith("started rain.data reconcile__2026-03-09__")


def test_a_lost_event_is_made_up_for_where_it_was_lost(rain: Product, ran: Ran) -> None:
    ran(*ALL[:3], key="2026-03-09")
    airflow = Airflow()
    look(rain, airflow)
    assert airflow.triggered == [("rain.score", "2026-03-09")]


def test_nothing_is_started_unless_asked_for(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-08")
    airflow = Airflow()
    (gap,) = look(rain, airflow, mend=False)
    assert airflow.triggered == []
    assert not gap.mended


def test_what_is_under_way_is_no_gap(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-08")
    airflow = Airflow([dag_run("data", "2026-03-09", "running")])
    assert look(rain, airflow) == []
    assert airflow.triggered == []


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (
            dag_run("data", "2026-03-09", "failed"),
            "its last run failed: http://airflow/dags/rain.data/runs/scheduled__1",
        ),
        (
            dag_run("data", "2026-03-09", "success", "reconcile__2026-03-09__1"),
            "it was run again, and that did not mend it",
        ),
    ],
)
def test_what_failed_is_for_a_person_and_not_tried_for_ever(
    rain: Product, ran: Ran, run: DagRun, words: str
) -> None:
    ran(*ALL, key="2026-03-08")
    airflow = Airflow([run])
    (gap,) = look(rain, airflow)
    assert airflow.triggered == []
    assert words in gap.hindrance


def test_a_paused_dag_is_told_and_so_are_the_runs_that_wait_for_it(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-08")
    airflow = Airflow([dag_run("data", "2026-03-07", "queued")], paused=["rain.data"])
    missed, waiting = look(rain, airflow)
    assert airflow.triggered == []
    assert missed.hindrance == "rain.data is paused"
    assert waiting.kind == WAITING
    assert waiting.words == "1 queued on rain.data, which is paused: 2026-03-07"


def test_a_long_absence_is_mended_a_few_at_a_time(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-01")
    airflow = Airflow()
    look(rain, airflow)
    assert [key for _, key in airflow.triggered] == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert len(airflow.triggered) == MOST_MENDED


def test_a_gap_is_told_once_and_stands_on_the_page(
    rain: Product, ran: Ran, caplog: pytest.LogCaptureFixture
) -> None:
    ran(*ALL, key="2026-03-08")
    with caplog.at_level(logging.WARNING):
        look(rain, Airflow(), mend=False)
        look(rain, Airflow(), mend=False)
    told = [record for record in caplog.records if "2026-03-09: missing" in record.getMessage()]
    assert len(told) == 1
    page = product_store("rain").read(RECONCILED_PAGE).decode()
    assert "over since 2026-03-10 00:00 UTC, never run" in page
