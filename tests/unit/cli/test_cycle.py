from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from mlfactory.cli.cycle import figures, newest_training, run_partitions, run_stale
from mlfactory.cycle.job import Budget, Done, Job
from mlfactory.cycle.steps import STEPS
from mlfactory.lake.at_work import under_way
from mlfactory.lake.catalog import manifest_file, training_file
from mlfactory.lake.removal import remove_source
from mlfactory.lake.staleness import StaleRun
from mlfactory.lake.store import product_store, write_json
from mlfactory.product.errors import ContractError, FactoryError, UsageError
from mlfactory.product.loader import Product


def test_a_result_is_one_line_of_figures() -> None:
    result = {
        "rows": {"gauge": 27004, "radar": 3},
        "share": 0.123456,
        "passed": False,
        "failed": ("auc", "cost"),
        "reason": "",
        "page": "/a/b.html",
    }
    assert figures(result) == "rows gauge=27,004 radar=3, share 0.1235, passed no, failed auc cost"


def training(product: Product, name: str, age: int, *, fitted: bool = True) -> None:
    store = product_store(product.name)
    write_json(store, training_file(name, "snapshot.json"), {})
    if fitted:
        write_json(store, training_file(name, "fit.json"), {})
        started = f"2026-01-01T00:00:{59 - age:02d}+00:00"
        write_json(store, manifest_file("fit", name), {"started_at": started})


def test_the_newest_training_of_a_partition_is_the_one_fitted_last(rain: Product) -> None:
    partition = rain.calendar.parse("2013-02-01")
    training(rain, "2013-02-01.replay-9", age=20)
    training(rain, "2013-02-01.cli-1", age=10)
    training(rain, "2013-02-01.cli-2", age=0, fitted=False)
    training(rain, "2013-03-01.cli-3", age=0)
    assert newest_training(rain, partition) == "2013-02-01.cli-1"


def test_a_partition_without_a_training_has_none_to_promote(rain: Product) -> None:
    training(rain, "2013-02-01.cli-2", age=0, fitted=False)
    with pytest.raises(UsageError, match="mlfactory run rain 2013-02-01 --stage train"):
        newest_training(rain, rain.calendar.parse("2013-02-01"))


def test_what_is_stale_is_run_again_until_nothing_is(
    rain: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = [StaleRun("prepare", "2013-02-01", ("ingest/2013-01-01",))]
    after = {"prepare": [StaleRun("score", "2013-02-01", ("prepare/2013-02-01",))], "score": []}
    ran = []

    def step(name: str) -> Any:
        def run(job: Job) -> Done:
            ran.append(f"{name} {job.partition}")
            stale[:] = after[name]
            return Done({"rows": 3})

        return run

    for name in after:
        monkeypatch.setitem(STEPS, name, step(name))
    monkeypatch.setattr("mlfactory.cli.cycle.stale_runs", lambda product: list(stale))
    output = io.StringIO()
    run_stale(rain, Console(file=output))
    assert ran == ["prepare 2013-02-01", "score 2013-02-01"]
    run_stale(rain, Console(file=output))
    assert output.getvalue().splitlines()[-1] == "rain: nothing is stale"


@pytest.mark.parametrize("downstream", [True, False])
def test_a_run_beneath_which_all_was_removed_begins_no_partition_more(
    rain: Product, monkeypatch: pytest.MonkeyPatch, downstream: bool
) -> None:
    keys = ["2013-01-01", "2013-02-01", "2013-03-01"]
    ran = []

    def step(job: Job) -> Done:
        ran.append(job.partition.key)
        remove_source("rain", "gauge", force=True)
        return Done({})

    monkeypatch.setitem(STEPS, "prepare", step)
    stale = [StaleRun("prepare", key, ()) for key in keys]
    monkeypatch.setattr("mlfactory.cli.cycle.stale_runs", lambda product: stale)
    console, span = Console(file=io.StringIO()), [rain.calendar.parse(key) for key in keys]
    with pytest.raises(
        UsageError, match="was removed by a reset or a restore while it was at work"
    ):
        if downstream:
            run_stale(rain, console)
        else:
            run_partitions(rain, span, ["prepare"], Budget(), console)
    assert ran == keys[:1]
    assert product_store("rain").list() == []


def test_a_stopped_partition_keeps_no_other_from_being_run_again_and_is_told_in_the_end(
    rain: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = ["2013-01-01", "2013-02-01", "2013-03-01"]
    stale = [StaleRun(stage, day, ()) for stage in ("prepare", "score") for day in days]
    ran = []

    def step(job: Job) -> Done:
        if job.partition.key == "2013-02-01":
            raise ContractError("7 of 9 rows are bad")
        ran.append(job.partition.key)
        return Done({})

    for name in ("prepare", "score"):
        monkeypatch.setitem(STEPS, name, step)
    monkeypatch.setattr("mlfactory.cli.cycle.stale_runs", lambda product: list(stale))
    with pytest.raises(FactoryError) as raised:
        run_stale(rain, Console(file=io.StringIO()))
    # the scores of a partition that could not be prepared are not made of what it was before
    assert ran == ["2013-01-01", "2013-03-01"] * 2
    assert "1 of 3 stale partitions" in str(raised.value)
    assert "2013-02-01 prepare: 7 of 9 rows are bad" in str(raised.value)
    assert "mlfactory run rain 2013-02-01 --downstream" in str(raised.value)


def test_what_is_stale_is_run_while_the_command_is_told_from_the_oldest_of_it_on(
    rain: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale: list[StaleRun] = []
    told: dict[str, str] = {}

    def ingest(job: Job) -> Done:
        stale.append(StaleRun("score", "2013-02-01", ()))
        return Done({})

    def score(job: Job) -> Done:
        told.update({work.first: work.what for work in under_way("rain")})
        stale.clear()
        return Done({})

    monkeypatch.setitem(STEPS, "ingest", ingest)
    monkeypatch.setitem(STEPS, "score", score)
    monkeypatch.setattr("mlfactory.cli.cycle.stale_runs", lambda product: list(stale))
    march = rain.calendar.parse("2013-03-01")
    console = Console(file=io.StringIO())
    run_partitions(rain, [march], ["ingest"], Budget(), console, downstream=True)
    assert told == {
        "2013-03-01": "mlfactory run of 2013-03-01",
        "2013-02-01": "mlfactory run of what is stale from 2013-02-01",
    }
    assert under_way("rain") == []
