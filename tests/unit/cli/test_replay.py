from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from mlfactory.cli import replay as replaying
from mlfactory.cli.replay import KeyOutcome, replay
from mlfactory.lake.at_work import Work, under_way
from mlfactory.lake.catalog import AT_WORK
from mlfactory.lake.removal import remove_source
from mlfactory.lake.store import product_store, read_json, write_json
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.product.loader import Product
from mlfactory.scheduler import chain as chain_of_runs
from mlfactory.scheduler.runs import DagRun


def chain(**states: str) -> dict[str, DagRun]:
    return {
        part: DagRun(f"rain.{part}", "r", state, "k", None, None, None)
        for part, state in states.items()
    }


def test_a_key_is_well_when_all_its_runs_were_a_success() -> None:
    good = chain(data="success", score="success", monitor="success")
    assert KeyOutcome("k", good, (), 1.0).is_ok
    assert not KeyOutcome("k", {**good, **chain(monitor="failed")}, (), 1.0).is_ok


class Dead:
    """An Airflow that answers, and whose scheduler has died: nothing gets on."""

    url = "http://airflow"

    def knows(self, dag_id: str) -> bool:
        return True

    def __init__(self, ends_with: BaseException | None = None) -> None:
        self.paused = {"rain.data", "rain.train"}
        self.ends_with = ends_with

    def is_paused(self, dag_id: str) -> bool:
        return dag_id in self.paused

    def unpause(self, dag_id: str) -> None:
        self.paused.discard(dag_id)

    def pause(self, dag_id: str) -> None:
        self.paused.add(dag_id)

    def active_runs(self, dag_ids: Sequence[str]) -> list[DagRun]:
        if self.ends_with and not self.paused:
            raise self.ends_with
        return [DagRun("rain.data", "left_behind", "queued", "k", None, None, None)]

    def scheduler_silence(self) -> float:
        return 600.0


def test_a_dead_scheduler_ends_the_replay_and_what_it_waits_for_is_told(
    rain: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "_SECONDS_BETWEEN_HEARTBEATS", 0.0)
    output = io.StringIO()
    key = rain.calendar.parse("2013-01-01")
    with pytest.raises(ServiceError, match=r"scheduler .* has not been heard of for 600 s"):
        replay(rain, key, key, Dead(), Console(file=output, width=200))  # type: ignore[arg-type]
    assert "waiting for rain.data left_behind, which is queued" in output.getvalue()


def test_a_replay_is_told_in_the_lake_while_it_goes_on_and_not_after_it(
    rain: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two of its runs Airflow does not know of it."""
    seen: list[Work] = []

    def silence(airflow: Dead) -> float:
        told = under_way("rain")
        seen.extend(told)
        for work in product_store("rain").list(AT_WORK):
            note = read_json(product_store("rain"), work)
            write_json(product_store("rain"), work, note | {"what": "old"})
        return 0.0 if len(seen) < 2 else 600.0

    monkeypatch.setattr(Dead, "scheduler_silence", silence)
    monkeypatch.setattr(replaying, "_SECONDS_BETWEEN_HEARTBEATS", 0.0)
    monkeypatch.setattr(replaying, "_POLL_SECONDS", 0.0)
    first, last = (rain.calendar.parse(key) for key in ("2013-01-01", "2013-03-01"))
    with pytest.raises(ServiceError, match="has not been heard of"):
        replay(rain, first, last, Dead(), Console(file=io.StringIO()))  # type: ignore[arg-type]
    # told anew, as often as the scheduler is asked
    assert [work.what for work in seen] == ["mlfactory replay of 2013-01-01 to 2013-03-01"] * 2
    assert {work.first for work in seen} == {"2013-01-01"}
    assert under_way("rain") == []


def test_a_replay_beneath_which_all_was_removed_ends_and_begins_no_key_more(
    rain: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[str] = []

    def trigger(self: Dead, dag_id: str, key: str, *, run_id: str) -> DagRun:
        followed.append(key)
        remove_source("rain", "gauge", force=True)
        return DagRun("rain.data", run_id, "failed", key, None, None, None)

    monkeypatch.setattr(Dead, "trigger", trigger, raising=False)
    monkeypatch.setattr(Dead, "active_runs", lambda *_: [])
    monkeypatch.setattr(Dead, "runs", lambda *_: [], raising=False)
    monkeypatch.setattr(Dead, "tasks", lambda *_: [], raising=False)
    first, last = (rain.calendar.parse(key) for key in ("2013-01-01", "2013-03-01"))
    with pytest.raises(
        UsageError, match="was removed by a reset or a restore while it was at work"
    ):
        replay(rain, first, last, Dead(), Console(file=io.StringIO()))  # type: ignore[arg-type]
    assert followed == ["2013-01-01"]
    assert product_store("rain").list() == []


@pytest.mark.parametrize("cut", [KeyboardInterrupt(), ServiceError("Airflow does not answer")])
def test_a_replay_that_is_cut_off_leaves_the_dags_as_they_were(
    rain: Product, monkeypatch: pytest.MonkeyPatch, cut: BaseException
) -> None:
    monkeypatch.setattr(chain_of_runs, "_is_live", lambda product: True)
    airflow, output = Dead(cut), io.StringIO()
    key = rain.calendar.parse("2013-01-01")
    with pytest.raises(type(cut)):
        replay(rain, key, key, airflow, Console(file=output, width=200))  # type: ignore[arg-type]
    assert airflow.paused == {"rain.data", "rain.train"}
    for name in airflow.paused:
        assert f"{name} was paused before and is again" in output.getvalue()


def test_what_ended_a_replay_is_told_although_nothing_can_be_paused_again(
    rain: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(dag_id: str) -> None:
        raise ServiceError("Airflow is gone")

    monkeypatch.setattr(chain_of_runs, "_is_live", lambda product: True)
    airflow, output = Dead(ServiceError("the first")), io.StringIO()
    monkeypatch.setattr(airflow, "pause", gone)
    key = rain.calendar.parse("2013-01-01")
    with pytest.raises(ServiceError, match="the first"):
        replay(rain, key, key, airflow, Console(file=output, width=200))  # type: ignore[arg-type]
    assert "rain.data was paused before and could not be again" in output.getvalue()
