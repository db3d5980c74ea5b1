"""`<p>.arrivals` asks once for the runs of what has come; its trigger lists, and opens nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException
from tests.unit.arrivals.conftest import Put, land, make, put

from mlfactory.arrivals import looking, new
from mlfactory.pipeline import arriving
from mlfactory.pipeline.arriving import ArrivalsOperator
from mlfactory.pipeline.dags import build_dags
from mlfactory.pipeline.watching import ArrivalsTrigger
from mlfactory.product.loader import Product
from mlfactory.scheduler.runs import DagRun

__all__ = ["make", "put"]

Make = Callable[..., Product]


class Airflow:
    """What is asked of a running Airflow; a run that is there is not started again."""

    def __init__(self) -> None:
        self.asked: dict[str, tuple[str, str]] = {}
        self.over: dict[str, str] = {}
        self.moving: list[str] = []

    def knows(self, dag_id: str) -> bool:
        return dag_id == "shop.data"

    def active_runs(self, dag_ids: list[str]) -> list[Any]:
        return [SimpleNamespace(partition_key=key) for key in self.moving]

    def trigger(self, dag_id: str, key: str, *, run_id: str, conf: Any, note: str) -> Any:
        assert conf == {"arrived": note}
        self.asked.setdefault(run_id, (key, note))
        state = self.over.get(run_id, "queued")
        return DagRun(dag_id, run_id, state, key, None, None, None)


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    found = Airflow()

    @contextmanager
    def own() -> Iterator[Airflow]:
        yield found

    monkeypatch.setattr(arriving, "own_airflow", own)
    return found


@pytest.fixture
def shop(make: Make, monkeypatch: pytest.MonkeyPatch) -> Product:
    # what these tests write is whole as soon as it is there
    monkeypatch.setattr(looking.Lying, "is_whole", lambda *_: True)
    return make("orders/*.csv", more=", watch: true")


def executed(run_type: str = "asset_triggered") -> Any:
    task = ArrivalsOperator(task_id="arrivals", product="shop", step="arrivals")
    run = SimpleNamespace(start_date=None, run_type=run_type, run_id="r1")
    return task.execute({"dag_run": run})


def test_what_has_come_is_asked_for_once_with_the_reason(
    shop: Product, put: Put, airflow: Airflow
) -> None:
    put("a.csv", {"02": 3})
    land(shop, "02")
    assert executed() == {}
    put("b.csv", {"02": 2, "04": 1})
    asked = executed()
    assert sorted(airflow.asked.values()) == [
        ("2026-01-02", "orders: b.csv brings 2 rows"),
        ("2026-01-04", "orders: b.csv brings 1 row"),
    ]
    assert executed() == asked
    assert len(airflow.asked) == 2
    land(shop, "02", "04")
    assert executed() == {}


def test_a_run_that_failed_is_never_called_started(
    shop: Product, put: Put, airflow: Airflow, capsys: pytest.CaptureFixture[str]
) -> None:
    executed()
    put("b.csv", {"02": 2})
    [first] = executed()
    airflow.over[first] = "failed"
    put("c.csv", {"04": 1})
    # what came for another partition is no reason to try this one at once
    [other] = executed()
    assert other.startswith("arrived__2026-01-04__")
    told = capsys.readouterr().out
    assert f"not started: the run {first} was for the same, and is over (failed)" in told
    assert told.count(f"started {first}") == 1


def test_a_person_has_what_failed_tried_at_once_under_another_id(
    shop: Product, put: Put, airflow: Airflow
) -> None:
    executed()
    put("b.csv", {"02": 2})
    [first] = executed()
    airflow.over[first] = "failed"
    [second] = executed("manual")
    assert second == f"{first}__2"
    # a task that is tried again starts no third run
    assert list(executed("manual")) == [second]
    airflow.over[second] = "failed"
    assert list(executed("manual")) == [f"{first}__3"]


def test_each_file_that_cannot_be_read_is_told_with_one_remedy(
    shop: Product, put: Put, airflow: Airflow
) -> None:
    executed()
    put("a.csv", {}).write_text("id,at,price,bad\n1,2,3\n")
    put("b.csv", {"04": 1})
    with pytest.raises(AirflowException) as told:
        executed()
    assert re.fullmatch(
        r"shop\.orders: \S+a\.csv cannot be read as csv: .*\n  → mend the file: .*", str(told.value)
    )
    assert [key for key, _ in airflow.asked.values()] == ["2026-01-04"]


def test_a_partition_whose_run_is_under_way_is_not_asked_for(
    shop: Product, put: Put, airflow: Airflow
) -> None:
    executed()
    put("b.csv", {"02": 2, "04": 1})
    airflow.moving = ["2026-01-04"]
    executed()
    assert [key for key, _ in airflow.asked.values()] == ["2026-01-02"]


def test_the_trigger_tells_of_new_files_until_they_were_looked_into(
    shop: Product, put: Put, airflow: Airflow
) -> None:
    put("a.csv", {"02": 3})
    kind, kwargs = ArrivalsTrigger("shop", "orders", "orders/*.csv", 0.01).serialize()
    assert kind == "mlfactory.pipeline.watching.ArrivalsTrigger"

    async def first() -> Any:
        events = ArrivalsTrigger(**kwargs).run()
        return (await asyncio.wait_for(anext(events), 30)).payload

    event = asyncio.run(first())
    assert (event["source"], event["count"]) == ("orders", 1)
    # one that is started again tells it again, until somebody has looked
    assert asyncio.run(first())["count"] == 1
    executed()
    trigger = ArrivalsTrigger(**kwargs)
    assert trigger.look() == set()
    put("a.csv", {"02": 4})
    assert len(trigger.look()) == 1


def test_files_that_are_left_are_told_again_at_once(
    shop: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([{("a", "1"), ("b", "1")}] * 2 + [{("b", "1")}] * 2)
    monkeypatch.setattr(ArrivalsTrigger, "look", lambda _: next(looks))

    async def two() -> list[Any]:
        events = ArrivalsTrigger("shop", "orders", "orders/*.csv", 0.01).run()
        return [(await asyncio.wait_for(anext(events), 30)).payload["files"] for _ in range(2)]

    assert asyncio.run(two()) == [["a", "b"], ["b"]]


def test_the_first_look_of_the_trigger_begins_the_watch(
    shop: Product, put: Put, airflow: Airflow
) -> None:
    put("a.csv", {"02": 3})
    ArrivalsTrigger("shop", "orders", "orders/*.csv", 0.01).look()
    put("b.csv", {"04": 1})
    executed()
    assert [key for key, _ in airflow.asked.values()] == ["2026-01-04"]


def test_a_source_that_cannot_be_looked_at_keeps_nothing_of_the_others(
    make: Make, put: Put, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking.Lying, "is_whole", lambda *_: True)
    away = 'watch: true}\n  away: {kind: csv, path: "gone/*.csv", event_time: at, key: [id]'
    shop = make("orders/*.csv", more=f", {away}, watch: true")
    executed()
    put("b.csv", {"04": 1})
    (shop.folder / "gone").mkdir()
    (shop.folder / "gone" / "a.csv").symlink_to("nothing")
    with pytest.raises(AirflowException, match="cannot be looked at"):
        executed()
    assert [key for key, _ in airflow.asked.values()] == ["2026-01-04"]


def test_a_place_that_cannot_be_looked_at_does_not_end_the_watch(
    shop: Product, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.csv", {"02": 3})
    real, calls = new.read_known, []

    def away(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 1:
            raise OSError("the disk is away")
        return real(*given)

    monkeypatch.setattr(new, "read_known", away)

    async def first() -> Any:
        events = ArrivalsTrigger("shop", "orders", "orders/*.csv", 0.01).run()
        return (await asyncio.wait_for(anext(events), 30)).payload

    assert asyncio.run(first())["count"] == 1


def test_a_product_has_the_dag_where_something_is_watched(make: Make) -> None:
    watched = make("orders/*.csv", more=", watch: 5 minutes")
    dag = next(dag for dag in build_dags(watched) if dag.dag_id == "shop.arrivals")
    assert not dag.is_paused_upon_creation
    assert "`orders`" in str(dag.doc_md)
    assert "shop.arrivals" not in [dag.dag_id for dag in build_dags(make("orders/*.csv"))]
