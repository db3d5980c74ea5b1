"""How far a key of a replay has come is read off Airflow's runs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlfactory.product.errors import UsageError
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.looking import data_run_id, failures, look_at, refuse_without_dags
from mlfactory.scheduler.runs import DagRun, TaskRun

KEY = "2013-01-01"
MINUTE = timedelta(minutes=1)


class Small(AirflowApi):
    """An Airflow that has these runs, and answers out of its head."""

    def __init__(self, *runs: DagRun, paused: Sequence[str] = ()) -> None:
        self.url = "http://airflow"
        self.held = list(runs)
        self.paused = paused
        self.retrain = "skipped"

    def knows(self, dag_id: str) -> bool:
        return dag_id != "snow.train"

    def is_paused(self, dag_id: str) -> bool:
        return dag_id in self.paused

    def runs(self, dag_ids: Sequence[str], partition_key: str | None) -> list[DagRun]:
        return [run for run in self.held if run.partition_key == partition_key]

    def active_runs(self, dag_ids: Sequence[str]) -> list[DagRun]:
        return [run for run in self.held if not run.is_over]

    def trigger(
        self,
        dag_id: str,
        partition_key: str | None,
        *,
        run_id: str,
        conf: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> DagRun:
        self.held.append(run(dag_id.rpartition(".")[2], "queued", ago=0, run_id=run_id))
        return self.held[-1]

    def tasks(self, run: DagRun) -> list[TaskRun]:
        state = self.retrain if run.dag_id == "rain.monitor" else run.state
        task = "retrain" if run.dag_id == "rain.monitor" else "validate"
        return [TaskRun(run.dag_id, run.run_id, task, -1, state, 1, 1.0)]


def run(part: str, state: str, *, ago: float, run_id: str = "", key: str = KEY) -> DagRun:
    """Return a run that was queued some minutes ago and ended, if it has, half a minute later."""
    queued = datetime.now(UTC) - ago * MINUTE
    end = queued + MINUTE / 2 if state in ("success", "failed") else None
    return DagRun(f"rain.{part}", run_id or f"{part}{ago}", state, key, queued, queued, end)


def ours(state: str, ago: float = 5) -> DagRun:
    return run("data", state, ago=ago, run_id=data_run_id("mine", KEY))


def test_a_key_is_asked_for_once_and_only_when_nothing_else_of_the_product_runs() -> None:
    api = Small(run("train", "running", ago=9, key="2012-12-01"))
    look = look_at(api, "rain", "mine", KEY)
    assert (look.chain, look.awaits) == ({}, "rain.train train9, which is running")
    api.held = []
    for _ in range(2):
        look = look_at(api, "rain", "mine", KEY)
        assert [each.run_id for each in api.held] == [data_run_id("mine", KEY)]
        assert (set(look.chain), look.is_at_rest) == ({"data"}, False)


def test_what_followed_an_earlier_run_of_the_key_is_not_taken_for_what_follows_this_one() -> None:
    old = [run(part, "success", ago=60) for part in ("data", "score", "monitor")]
    look = look_at(Small(*old, ours("success")), "rain", "mine", KEY)
    assert (set(look.chain), look.awaits) == ({"data"}, "a run of rain.score")
    new = [run("score", "success", ago=4), run("monitor", "success", ago=3)]
    look = look_at(Small(*old, ours("success"), *new), "rain", "mine", KEY)
    assert look.is_at_rest and not look.failed
    assert [each.run_id for each in look.chain.values()][1:] == ["score4", "monitor3"]


def test_a_training_that_was_asked_for_is_waited_for() -> None:
    runs = [ours("success"), run("score", "success", ago=4), run("monitor", "success", ago=3)]
    api = Small(*runs)
    api.retrain = "success"
    assert look_at(api, "rain", "mine", KEY).awaits == "a run of rain.train"
    api.held.append(run("train", "running", ago=2))
    assert look_at(api, "rain", "mine", KEY).awaits == "rain.train train2, which is running"
    api.held[-1] = run("train", "failed", ago=2)
    look = look_at(api, "rain", "mine", KEY)
    assert look.is_at_rest and look.failed == ["train"]


def test_a_run_that_failed_is_told_with_the_page_of_its_task() -> None:
    api = Small(ours("failed"))
    look = look_at(api, "rain", "mine", KEY)
    assert look.is_at_rest and look.failed == ["data"]
    [(task, url)] = failures(api, look)
    assert (task.task_id, task.state) == ("validate", "failed")
    assert url == f"http://airflow/dags/rain.data/runs/{data_run_id('mine', KEY)}/tasks/validate"


def test_a_paused_dag_is_named_where_a_run_waits_on_it() -> None:
    api = Small(ours("success"), run("score", "queued", ago=4), paused=["rain.score"])
    look = look_at(api, "rain", "mine", KEY)
    assert look.awaits.endswith("which is queued; rain.score is paused: unpause it")
    assert not look.problem


@pytest.mark.parametrize(("ago", "problem"), [(9, False), (12, True)])
def test_a_run_that_does_not_come_is_a_problem_after_a_while(ago: float, problem: bool) -> None:
    look = look_at(Small(ours("success", ago=ago)), "rain", "mine", KEY)
    assert not look.is_at_rest
    said = f"partition {KEY}: a run of rain.score did not come within 10 min"
    assert look.problem == (said if problem else "")


def test_a_product_whose_dags_are_not_all_there_is_refused_with_a_remedy() -> None:
    refuse_without_dags(Small(), "rain")
    with pytest.raises(UsageError, match=r"no DAG snow\.train") as caught:
        refuse_without_dags(Small(), "snow")
    assert "mlfactory check snow" in str(caught.value)
