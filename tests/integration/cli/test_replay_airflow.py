"""A replay through a real Airflow, by way of its REST API."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from mlfactory.cli.replay import Patience, replay
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.scheduler.api import AirflowApi

Maker = Callable[[str], Product]


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(output: io.StringIO) -> Console:
    return Console(file=output, width=100)


def test_a_span_is_replayed_key_after_key(
    api: AirflowApi, product: Maker, console: Console, output: io.StringIO
) -> None:
    rain = product("rain")
    first, last = rain.calendar.parse("2013-01-01"), rain.calendar.parse("2013-03-01")

    january, february, march = replay(rain, first, last, api, console)

    assert {part: run.state for part, run in january.runs.items()} == {
        "data": "success",
        "score": "success",
        "monitor": "success",
    }
    assert january.is_ok
    assert {part: run.state for part, run in february.runs.items()} == {
        "data": "success",
        "score": "success",
        "monitor": "success",
        "train": "success",
    }
    assert february.is_ok
    assert february.runs["data"].start > january.runs["monitor"].end
    assert {part: run.state for part, run in march.runs.items()} == {"data": "failed"}
    assert not march.is_ok

    lines = output.getvalue().splitlines()
    told = [tuple(line.split()[:3]) for line in lines if line.startswith("2013-0")]
    assert told[:8] == [
        ("2013-01-01", "data", "success"),
        ("2013-01-01", "score", "success"),
        ("2013-01-01", "monitor", "success"),
        ("2013-02-01", "data", "success"),
        ("2013-02-01", "score", "success"),
        ("2013-02-01", "monitor", "success"),
        ("2013-02-01", "train", "success"),
        ("2013-03-01", "data", "failed"),
    ]
    assert any("search[ridge]" in line and "promote skipped" in line for line in lines)


def test_a_failed_task_is_told_with_the_end_of_its_log(
    api: AirflowApi, product: Maker, console: Console, output: io.StringIO
) -> None:
    rain = product("rain")
    march = rain.calendar.parse("2013-03-01")

    (outcome,) = replay(rain, march, march, api, console)

    (failure,) = outcome.failed
    assert failure.task.task_id == "validate"
    assert any("gauge: 7 of 9 rows are bad" in line for line in failure.log)
    text = output.getvalue()
    assert f"rain.data failed in its task validate: {api.url}/dags/rain.data/runs/replay__" in text
    assert "→ mend them" in text


def test_a_key_replayed_again_waits_for_its_new_runs(
    api: AirflowApi, product: Maker, console: Console
) -> None:
    rain = product("rain")
    january = rain.calendar.parse("2013-01-01")

    (first,) = replay(rain, january, january, api, console)
    (second,) = replay(rain, january, january, api, console)

    assert set(first.runs) == set(second.runs) == {"data", "score", "monitor"}
    for part in first.runs:
        assert first.runs[part].run_id != second.runs[part].run_id


def test_a_key_about_whose_rows_something_was_decided_runs_once_more_before_the_next(
    api: AirflowApi, product: Maker, console: Console
) -> None:
    rain = product("rain")
    first, last = rain.calendar.parse("2013-01-01"), rain.calendar.parse("2013-03-01")
    asked: list[str] = []

    def decide(partition: Partition) -> bool:
        asked.append(partition.key)
        return partition == first

    outcomes = replay(rain, first, last, api, console, decide=decide)

    # nobody is asked about March, which failed, nor again about what ran for a decision
    assert asked == ["2013-01-01", "2013-02-01"]
    landed, released, february, _ = outcomes
    assert landed.key == released.key == "2013-01-01"
    assert released.runs["data"].run_id.startswith("released__2013-01-01__")
    assert set(released.runs) == {"data", "score", "monitor"}
    assert released.is_ok
    assert released.runs["data"].start > landed.runs["monitor"].end
    assert february.runs["data"].start > released.runs["monitor"].end


def test_a_run_that_does_not_come_is_a_message(
    api: AirflowApi, product: Maker, console: Console
) -> None:
    hail = product("hail")
    key = hail.calendar.parse("2013-01-01")
    with pytest.raises(ServiceError, match=r"2013-01-01: no run of hail\.score came within 4 s"):
        replay(hail, key, key, api, console, Patience(to_appear=4))


def test_a_product_without_dags_is_a_message_with_what_broke_them(
    api: AirflowApi, product: Maker, console: Console
) -> None:
    snow = product("snow")
    key = snow.calendar.parse("2013-01-01")
    deadline = time.monotonic() + 60
    while not api.import_errors() and time.monotonic() < deadline:
        time.sleep(0.5)
    with pytest.raises(UsageError, match=r"has no DAG snow\.data") as caught:
        replay(snow, key, key, api, console, Patience(to_appear=0))
    assert "product.yaml:2: nmae: is not a key here" in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_the_same_run_is_not_triggered_twice(api: AirflowApi) -> None:
    api.unpause("rain.data")
    first = api.trigger("rain.data", "2013-05-01", run_id="same")
    again = api.trigger("rain.data", "2013-05-01", run_id="same")
    assert (first.run_id, again.run_id) == ("same", "same")
    assert [run.run_id for run in api.runs(["rain.data"], "2013-05-01")] == ["same"]


def test_airflow_says_in_its_words_what_it_refuses(api: AirflowApi) -> None:
    with pytest.raises(UsageError, match=r"refused POST /dags/rain\.data/dagRuns"):
        api.trigger("rain.data", "  ", run_id="blank")
    assert not api.knows("no.such.dag")
