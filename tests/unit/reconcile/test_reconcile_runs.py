"""What Airflow does about a gap already, what is mended, and what is told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.reconcile.conftest import NOW, Ran

from mlfactory.lake.at_work import at_work
from mlfactory.lake.catalog import RECONCILED_PAGE
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product
from mlfactory.reconcile import reconcile
from mlfactory.reconcile.gaps import MISSING, WAITING
from mlfactory.reconcile.stage import MOST_MENDED
from mlfactory.scheduler.runs import DagRun

ALL = ("ingest", "validate", "prepare", "score", "monitor", "retrain")


SOON = timedelta(seconds=1)


def dag_run(
    part: str, key: str | None, state: str, run_id: str = "scheduled__1", ended: timedelta = SOON
) -> DagRun:
    """Return a run that ended so long ago."""
    return DagRun(f"rain.{part}", run_id, state, key, None, None, NOW - ended)


class Airflow:
    """As much of the API as is asked, with the runs that there are."""

    url = "http://airflow"

    def __init__(self, runs: Sequence[DagRun] = (), paused: Sequence[str] = ()) -> None:
        self.all_runs = list(runs)
        self.paused = paused
        self.triggered: list[tuple[str, str]] = []
        self.given: list[dict[str, Any]] = []

    def knows(self, dag_id: str) -> bool:
        return True

    def is_paused(self, dag_id: str) -> bool:
        return dag_id in self.paused

    def active_runs(self, dag_ids: Sequence[str]) -> list[DagRun]:
        return [run for run in self.all_runs if not run.is_over]

    def runs(self, dag_ids: Sequence[str], key: str) -> list[DagRun]:
        return [run for run in self.all_runs if run.dag_id in dag_ids and run.partition_key == key]

    def failed_runs(self, dag_id: str) -> list[DagRun]:
        return [run for run in self.all_runs if run.dag_id == dag_id and run.state == "failed"]

    def trigger(self, dag_id: str, key: str, *, run_id: str, conf: dict[str, Any]) -> DagRun:
        self.triggered.append((dag_id, key))
        self.given.append(conf)
        return dag_run(dag_id.split(".")[1], key, "queued", run_id)


def look(product: Product, airflow: Airflow, *, mend: bool = True) -> list[Any]:
    return reconcile(product, api=airflow, mend=mend, now=NOW)  # type: ignore[arg-type]


def test_a_missed_partition_is_run(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-08")
    airflow = Airflow()
    (gap,) = look(rain, airflow)
    assert airflow.triggered == [("rain.data", "2026-03-09")]
    assert airflow.given == [{}]
    assert gap.mended.startswith("started rain.data reconcile__2026-03-09__")


def test_a_lost_event_is_made_up_for_where_it_was_lost(rain: Product, ran: Ran) -> None:
    ran(*ALL[:3], key="2026-03-09")
    airflow = Airflow()
    look(rain, airflow)
    assert airflow.triggered == [("rain.score", "2026-03-09")]


@pytest.mark.parametrize("done", [1, 2])
def test_what_was_landed_is_not_landed_again(rain: Product, ran: Ran, done: int) -> None:
    ran(*ALL[:done], key="2026-03-09")
    airflow = Airflow()
    look(rain, airflow)
    assert airflow.triggered == [("rain.data", "2026-03-09")]
    assert airflow.given == [{"land": False}]


def test_stale_partitions_are_run_anew_a_few_at_a_time_without_landing_them(
    rain: Product, ran: Ran
) -> None:
    days = [f"2026-03-0{day}" for day in range(5, 10)]
    for day in days:
        ran(*ALL, key=day)
        ran("ingest", key=day, mark="2")
    airflow = Airflow()
    look(rain, airflow)
    assert airflow.triggered == [("rain.data", day) for day in days[:MOST_MENDED]]
    assert airflow.given == [{"land": False}] * MOST_MENDED


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
    ("run_id", "state", "words"),
    [
        ("scheduled__1", "failed", "its last run failed: http://airflow/dags/rain.data/runs/s"),
        ("reconcile__1", "success", "a run did not mend it: http://airflow/dags/rain.data/runs/r"),
    ],
)
def test_what_did_not_help_is_told_and_tried_again_an_hour_later(
    rain: Product, ran: Ran, run_id: str, state: str, words: str
) -> None:
    ran(*ALL, key="2026-03-08")
    airflow = Airflow([dag_run("data", "2026-03-09", state, run_id, timedelta(minutes=59))])
    (gap,) = look(rain, airflow)
    assert airflow.triggered == []
    assert words in gap.words
    assert gap.hindrance == "tried again after 2026-03-10 06:01 UTC"

    airflow = Airflow([dag_run("data", "2026-03-09", state, run_id, timedelta(minutes=61))])
    (gap,) = look(rain, airflow)
    assert airflow.triggered == [("rain.data", "2026-03-09")]
    assert words in gap.words


def test_a_landing_that_failed_first_of_all_is_found_and_tried_again(rain: Product) -> None:
    long_ago = timedelta(hours=3)
    airflow = Airflow(
        [
            dag_run("data", "2025-12-01", "failed", "before_the_first", long_ago),
            dag_run("data", "2026-03-10", "failed", "not_over", long_ago),
            dag_run("data", "2026-01-05", "failed", "old", long_ago),
            dag_run("data", "2026-03-09", "failed", "first", long_ago),
        ]
    )
    _, old, first = look(rain, airflow)
    assert airflow.triggered == [("rain.data", "2026-03-09")]
    assert (first.kind, first.key) == (MISSING, "2026-03-09")
    assert "its last run failed: http://airflow/dags/rain.data/runs/first" in first.words
    assert old.key == "2026-01-05"
    assert "mlfactory replay rain 2026-01-05" in old.hindrance


def test_a_product_that_is_on_and_never_began_is_told_with_what_is_due_of_it(
    rain: Product,
) -> None:
    airflow = Airflow()
    (gap,) = look(rain, airflow)
    assert airflow.triggered == []
    assert (gap.kind, gap.key, gap.partitions) == (MISSING, "2026-01-01", 68)
    assert gap.words == ("68 partitions of 2026-01-01 to 2026-03-09 due, and nothing ever landed")
    assert "mlfactory replay rain 2026-01-01 2026-03-09" in gap.hindrance
    # of one that is off, or of which something runs already, nothing is due yet
    assert look(rain, Airflow(paused=["rain.data"])) == []
    assert look(rain, Airflow([dag_run("data", "2026-01-01", "running")])) == []


def test_a_product_that_began_lately_and_never_ran_is_run_from_its_start(
    make: Callable[..., Product], ran: Ran
) -> None:
    young = make("{every: day, start: 2026-03-06}")
    airflow = Airflow()
    look(young, airflow)
    assert airflow.triggered == [("rain.data", f"2026-03-0{day}") for day in (6, 7, 8)]


def test_a_product_that_has_ended_and_never_ran_is_told_for_no_schedule_comes_to_it(
    make: Callable[..., Product],
) -> None:
    airflow = Airflow()
    (gap,) = look(make("{every: month, start: 2013-01-01, end: 2013-03-01}"), airflow)
    assert "run what you need of them: mlfactory replay rain 2013-01-01 2013-02-01" in gap.hindrance
    assert airflow.triggered == []


@pytest.mark.parametrize("partition", ["{every: day, start: 2026-03-10}", "{every: snapshot}"])
def test_of_a_product_that_begins_just_now_nothing_is_due(
    make: Callable[..., Product], partition: str
) -> None:
    assert look(make(partition), Airflow()) == []


def test_a_first_landing_that_failed_before_later_ones_is_found_too(
    rain: Product, ran: Ran
) -> None:
    ran(*ALL, key="2026-03-09")
    airflow = Airflow([dag_run("data", "2026-03-08", "failed", ended=timedelta(hours=3))])
    (gap,) = look(rain, airflow)
    assert (gap.kind, gap.key) == (MISSING, "2026-03-08")
    # what a person had removed after it had come well is no gap
    airflow.all_runs.append(dag_run("data", "2026-03-08", "success", "manual__2"))
    assert look(rain, airflow) == []


def test_a_snapshot_is_one_partition_whether_its_run_was_given_the_key_or_not(
    make: Callable[..., Product],
) -> None:
    rain = make("{every: snapshot}")
    failed = dag_run("data", None, "failed", ended=timedelta(hours=3))
    (gap,) = look(rain, Airflow([failed]))
    assert (gap.kind, gap.key) == (MISSING, "snapshot")
    assert look(rain, Airflow([failed, dag_run("data", None, "running", "manual__2")])) == []


def test_what_waits_behind_a_late_partition_is_left_to_the_schedule(
    rain: Product, ran: Ran
) -> None:
    ran(*ALL, key="2026-03-07")
    airflow = Airflow([dag_run("data", "2026-03-08", "running")])
    (gap,) = look(rain, airflow)
    assert airflow.triggered == []
    assert gap.key == "2026-03-09"
    assert gap.hindrance == "waits for rain.data scheduled__1, which is under way"


@pytest.mark.parametrize("run_id", ["replay__1", "manual__1", "asset_triggered__1"])
@pytest.mark.parametrize("part", ["data", "score", "monitor", "train"])
def test_a_missing_partition_waits_for_whatever_is_done_about_an_older_one(
    rain: Product, ran: Ran, part: str, run_id: str
) -> None:
    ran(*ALL, key="2026-03-08")
    airflow = Airflow([dag_run(part, "2026-03-08", "running", run_id)])
    (gap,) = look(rain, airflow)
    assert airflow.triggered == []
    assert gap.hindrance == f"waits for rain.{part} {run_id}, which is under way"


def test_only_what_is_missing_waits_and_only_for_older_partitions(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-05")
    ran(*ALL[:1], key="2026-03-06")
    ran(*ALL, key="2026-03-07")
    airflow = Airflow([dag_run("data", "2026-03-09", "running", "replay__1")])
    look(rain, airflow)
    assert airflow.triggered == [("rain.data", "2026-03-08"), ("rain.data", "2026-03-06")]
    # the run is behind the partition that was not followed, and no other comes to that
    airflow = Airflow([dag_run("data", "2026-03-08", "running", "replay__1")])
    look(rain, airflow)
    assert airflow.triggered == [("rain.data", "2026-03-06")]


def test_nothing_waits_for_a_run_of_a_paused_dag(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-08")
    airflow = Airflow([dag_run("train", "2026-03-08", "queued")], paused=["rain.train"])
    look(rain, airflow)
    assert airflow.triggered == [("rain.data", "2026-03-09")]


@pytest.mark.parametrize("with_airflow", [True, False])
def test_between_two_runs_of_a_replay_nothing_is_started_in_it_or_behind_it(
    rain: Product, ran: Ran, with_airflow: bool
) -> None:
    for key in ("2026-03-02", "2026-03-04", "2026-03-06"):
        ran(*ALL, key=key)
    airflow = Airflow()
    with at_work("rain", "mlfactory replay of 2026-03-05 to 2026-03-08", first="2026-03-05"):
        if with_airflow:
            gaps = look(rain, airflow)
            assert airflow.triggered == [("rain.data", "2026-03-03")]
        else:
            gaps = reconcile(rain, now=NOW)
    hindered = {gap.key: gap.hindrance for gap in gaps if gap.hindrance}
    told = "waits for mlfactory replay of 2026-03-05 to 2026-03-08"
    assert hindered == dict.fromkeys(("2026-03-05", "2026-03-07", "2026-03-08", "2026-03-09"), told)
    look(rain, airflow)
    assert ("rain.data", "2026-03-05") in airflow.triggered


def test_a_paused_dag_is_told_and_so_are_the_runs_that_wait_for_it(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-08")
    airflow = Airflow([dag_run("data", "2026-03-07", "queued")], paused=["rain.data"])
    missed, waiting = look(rain, airflow)
    assert airflow.triggered == []
    assert missed.hindrance == "rain.data is paused"
    assert waiting.kind == WAITING
    assert waiting.words == "1 queued on rain.data, which is paused: 2026-03-07"


def test_runs_that_wait_on_two_paused_dags_are_two_gaps_that_are_told(
    rain: Product, ran: Ran, caplog: pytest.LogCaptureFixture
) -> None:
    ran(*ALL, key="2026-03-09")
    waiting = [dag_run(part, "2026-03-09", "queued") for part in ("score", "train")]
    with caplog.at_level(logging.WARNING):
        look(rain, Airflow(waiting[:1], paused=["rain.score", "rain.train"]))
        look(rain, Airflow(waiting, paused=["rain.score", "rain.train"]))
    told = [one.getMessage() for one in caplog.records if WAITING in one.getMessage()]
    assert ["rain.score" in line for line in told] == [True, False]
    assert "rain.train" in told[1]


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
