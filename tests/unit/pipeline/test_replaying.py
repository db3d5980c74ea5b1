"""`mlfactory.replay` goes on key after key without a slot, and refuses what cannot be replayed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from mlfactory.lake import ledger
from mlfactory.lake.at_work import at_work, under_way
from mlfactory.lake.store import product_store
from mlfactory.pipeline import replaying, resting
from mlfactory.pipeline.replaying import BeginReplay, EndReplay, GoThrough, replay_dag
from mlfactory.pipeline.resting import KeyAtRest
from mlfactory.product.errors import ServiceError
from mlfactory.scheduler import looking
from mlfactory.scheduler.looking import Look
from mlfactory.scheduler.replay import Replay
from mlfactory.scheduler.runs import DagRun
from mlfactory.settings import settings

MONTHS = ["2013-01-01", "2013-02-01", "2013-03-01"]


class Airflow:
    """What a replay asks of Airflow beside its runs: which DAGs are paused, and the run's note."""

    url = "http://airflow"

    def __init__(self) -> None:
        self.paused = {"flight_delay.data", "flight_delay.train"}
        self.shown: list[str] = []
        self.looks: dict[str, list[Look]] = {}
        self.missing: tuple[str, ...] = ()

    def knows(self, dag_id: str) -> bool:
        return dag_id not in self.missing

    def is_paused(self, dag_id: str) -> bool:
        return dag_id in self.paused

    def unpause(self, dag_id: str) -> None:
        self.paused.discard(dag_id)

    def pause(self, dag_id: str) -> None:
        self.paused.add(dag_id)

    def note(self, dag_id: str, run_id: str, text: str) -> None:
        self.shown.append(text)

    def tasks(self, run: DagRun) -> list[Any]:
        return []


@pytest.fixture(autouse=True)
def airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    """Give an Airflow whose keys are at rest as soon as they are asked for."""
    found = Airflow()

    @contextmanager
    def own() -> Iterator[Airflow]:
        yield found

    def look_at(api: Airflow, product: str, replay: str, key: str) -> Look:
        left = api.looks.get(key, [at_rest()])
        look = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(look, Exception):
            raise look
        return look

    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path))
    settings.cache_clear()
    for module in (replaying, resting):
        monkeypatch.setattr(module, "own_airflow", own)
    for module in (looking, resting):
        monkeypatch.setattr(module, "look_at", look_at)
    monkeypatch.setattr(resting, "_SECONDS", 0.0)
    yield found
    settings.cache_clear()


def at_rest(**states: str) -> Look:
    states = states or {"data": "success", "score": "success", "monitor": "success"}
    return Look(
        {
            part: DagRun(f"flight_delay.{part}", "r", state, "k", None, None, None)
            for part, state in states.items()
        }
    )


WAITS = Look(awaits="a run of flight_delay.score")


def context(begun: dict[str, Any] | None = None, run_id: str = "r1", **given: Any) -> Any:
    span = {"first": MONTHS[0], "last": MONTHS[-1]}
    params = {"product": "flight_delay", **span, "why": "new rules", **given}
    run = SimpleNamespace(conf={}, triggering_user_name="ada", run_id=run_id)
    ti = SimpleNamespace(xcom_pull=lambda task_ids: begun)
    return {"dag_run": run, "params": params, "ti": ti}


def begun(**given: Any) -> dict[str, Any]:
    return BeginReplay(task_id="begin").execute(context(**given))


def gone_through(replay: dict[str, Any]) -> dict[str, int]:
    """Go through as Airflow does: whenever it waits, its trigger runs, and it is resumed."""
    operator, where = GoThrough(task_id="replay"), context(replay)
    try:
        return operator.execute(where)
    except TaskDeferred as caught:
        deferred = caught
    while True:
        path, kwargs = deferred.trigger.serialize()
        assert path == "mlfactory.pipeline.resting.KeyAtRest"
        try:
            event = fired(KeyAtRest(**kwargs))
            return getattr(operator, deferred.method_name)(where, event, **deferred.kwargs)
        except TaskDeferred as caught:
            deferred = caught


def fired(trigger: KeyAtRest) -> dict[str, str]:
    async def first() -> Any:
        return await anext(aiter(trigger.run()))

    return dict(asyncio.run(first()).payload)


def test_keys_follow_each_other_and_what_is_not_at_rest_is_waited_for_without_a_slot(
    airflow: Airflow,
) -> None:
    airflow.looks = {MONTHS[1]: [WAITS, WAITS, at_rest()]}
    replay = begun()
    assert replay["paused"] == ["flight_delay.train"]  # its time has ended: data keeps no schedule
    assert gone_through(replay) == {"keys": 3}
    assert airflow.shown == [
        "1 of 3 keys have come to rest. 2013-02-01 waits for a run of flight_delay.score.",
        "3 of 3 keys have come to rest.",
    ]
    assert airflow.paused == set()
    (work,) = under_way("flight_delay")
    assert work.what == "mlfactory.replay of 2013-01-01 to 2013-03-01"
    EndReplay(task_id="end").execute(context(replay))
    assert airflow.paused == {"flight_delay.train"}
    assert under_way("flight_delay") == []


def test_a_key_that_fails_keeps_no_other_from_running_and_is_named_in_the_end(
    airflow: Airflow,
) -> None:
    airflow.looks = {
        MONTHS[0]: [at_rest(data="failed")],
        MONTHS[1]: [WAITS, at_rest(data="success", score="failed")],
    }
    with pytest.raises(AirflowFailException, match="2 failed"):
        gone_through(begun())
    assert airflow.shown[-1] == (
        "3 of 3 keys have come to rest. 2 failed: 2013-01-01 (data), 2013-02-01 (score)."
    )


def test_many_failed_keys_are_counted() -> None:
    failed = {f"k{number}": "data" for number in range(25)}
    assert replaying._so_far(30, 30, failed).endswith("k19 (data) and 5 more.")


def test_airflow_that_is_away_for_a_moment_is_waited_for(airflow: Airflow) -> None:
    away: Sequence[Any] = [ServiceError("Airflow does not answer"), OSError("S3 is away")]
    airflow.looks = {MONTHS[0]: [WAITS, *away, at_rest()]}
    assert gone_through(begun()) == {"keys": 3}


def test_a_run_that_does_not_come_ends_it_with_what_to_do(airflow: Airflow) -> None:
    lost = Look(awaits="a run of x", problem="partition 2013-01-01: a run of x did not come")
    airflow.looks = {MONTHS[0]: [WAITS, lost]}
    with pytest.raises(AirflowFailException, match=r"did not come\n.*Clear the whole run"):
        gone_through(begun())
    assert airflow.shown[-1] == "Ended: partition 2013-01-01: a run of x did not come"


def test_a_reset_of_the_product_ends_it_while_it_waits(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resting, "_NOTED_AFTER", -1.0)
    replay = begun()
    airflow.looks = {MONTHS[0]: [WAITS] * 3}
    with pytest.raises(TaskDeferred):
        GoThrough(task_id="replay").execute(context(replay))
    product_store("flight_delay").delete_all()
    event = fired(KeyAtRest(replay, MONTHS[0], ""))
    assert "was removed by a reset" in event["problem"]
    EndReplay(task_id="end").execute(context(replay))
    assert "flight_delay.train" in airflow.paused


def test_who_asked_and_why_is_in_the_ledger_once_however_often_it_begins() -> None:
    assert begun() == begun()
    [entry] = ledger.entries("flight_delay", "replay_requested")
    assert (entry.who, entry.why, entry.partition) == ("ada", "new rules", "")
    assert entry.details == {"first": MONTHS[0], "last": MONTHS[-1], "asked_by": "r1"}


def test_a_second_one_of_the_product_is_refused_and_so_is_one_beside_the_command_line(
    airflow: Airflow,
) -> None:
    with (
        at_work("flight_delay", "mlfactory replay of 2013-05-01", alone=True),
        pytest.raises(AirflowFailException, match="mlfactory replay of 2013-05-01 is under way"),
    ):
        begun()
    begun()
    with pytest.raises(AirflowFailException, match=r"mlfactory\.replay of .* is under way, run r1"):
        begun(run_id="r2")
    assert airflow.shown[-1].startswith("Not begun: flight_delay: mlfactory.replay of 2013-01-01")
    assert len(ledger.entries("flight_delay", "replay_requested")) == 1
    assert begun(product="wine_cultivar", first=None, last=None)["first"] == "snapshot"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"first": "January"}, "'January' is not a partition key\n.*write it like '2013-01-01'"),
        ({"first": "2013-01-02"}, "not the start of a month\n.*it lies in is '2013-01-01'"),
        ({"first": None}, "say which one is meant\n.*give its key, such as '2013-01-01'"),
        ({"first": " "}, "say which one is meant"),
        ({"last": "2012-01-01"}, "before the product's first"),
        ({"first": "2013-06-01"}, "is before the first, '2013-06-01'\n.*in the order of time"),
        ({"last": "2199-01-01"}, "2199-01-01 of flight_delay is not over: it ends at .*\n.*run it"),
        ({"product": "flight_dely"}, "flight_dely"),
    ],
)
def test_a_span_that_cannot_be_is_refused_with_what_to_do_and_nothing_is_noted(
    airflow: Airflow, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(AirflowFailException, match=said):
        begun(**given)
    assert airflow.shown[0].startswith("Not begun: ")
    assert under_way("flight_delay") == []
    assert ledger.entries("flight_delay") == []
    assert airflow.paused == {"flight_delay.data", "flight_delay.train"}


def test_a_product_whose_dags_are_not_there_is_refused(airflow: Airflow) -> None:
    airflow.missing = ("flight_delay.score",)
    with pytest.raises(AirflowFailException, match=r"has no DAG flight_delay\.score"):
        begun()


def test_the_end_comes_whatever_became_of_the_rest() -> None:
    dag = replay_dag()
    end = dag.get_task("end")
    assert end.is_teardown and not end.on_failure_fail_dagrun  # else the run would be its alone
    assert dag.get_task("begin").is_setup
    assert dag.dagrun_timeout is None  # Airflow would skip the teardown, too
    assert "flight_delay" in dag.params.get_param("product").schema["enum"]


def test_a_page_that_cannot_be_written_does_not_end_it(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: str) -> None:
        raise ServiceError("Airflow does not answer")

    monkeypatch.setattr(airflow, "note", away)
    Replay("flight_delay", "mine", "r1", *MONTHS[:2], []).show(airflow, "text")  # type: ignore[arg-type]
