"""The one table of steps, and the ids of trainings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mlfactory.cycle import steps
from mlfactory.cycle.clock import refuse_unfinished
from mlfactory.cycle.job import Done, Job
from mlfactory.cycle.labels import read_due_again
from mlfactory.cycle.run import run_stages
from mlfactory.cycle.steps import STAGES, STEPS
from mlfactory.cycle.training_ids import new_training_id, training_id
from mlfactory.lake.store import product_store
from mlfactory.product.errors import ContractError, UsageError
from mlfactory.product.loader import load_product
from mlfactory.product.partitions import Calendar
from mlfactory.settings import REPOSITORY


def test_the_stages_stand_in_the_order_of_a_models_life() -> None:
    assert list(STAGES) == [
        "labels",
        "ingest",
        "validate",
        "prepare",
        "score",
        "monitor",
        "retrain",
        "train",
        "promote",
    ]


def test_the_stages_hold_every_step_once_and_in_order() -> None:
    parts_of_prepare = ["shard", "gather"]
    assert [step for steps in STAGES.values() for step in steps] == [
        name for name in STEPS if name not in parts_of_prepare
    ]


@pytest.mark.parametrize(
    ("every", "key", "start"),
    [("month", "2013-02-01", "2013-02-01.cli-"), ("hour", "2013-02-01T05:00", "2013-02-01T05-00.")],
)
def test_the_id_of_a_training_fits_a_files_name(every: str, key: str, start: str) -> None:
    found = new_training_id(Calendar(every).parse(key))  # type: ignore[arg-type]
    assert found.startswith(start)
    assert not set(found) & set("/:\\ ")


def test_trainings_asked_for_in_one_second_have_ids_of_their_own() -> None:
    partition = Calendar("month").parse("2013-02-01")
    assert len({new_training_id(partition) for _ in range(50)}) == 50


def test_the_id_of_a_runs_training_is_the_same_for_every_retry() -> None:
    run = "asset_triggered__2026-11-21T02:00:25.554354+00:00__b80cy3bn"
    made = training_id("2013-02-01", run)
    assert made == training_id("2013-02-01", run)
    assert made.startswith("2013-02-01.asset_triggered__2026-11-21T02-00-25")
    assert not set(made) & set(":/+ ")


def test_a_partition_that_is_not_over_is_refused_with_its_end() -> None:
    product = load_product("flight_delay")
    february = product.calendar.parse("2013-02-01")
    with pytest.raises(UsageError, match="not over: it ends at 2013-03-01 00:00 UTC"):
        refuse_unfinished(product, february, datetime(2013, 2, 28, 23, 59, tzinfo=UTC))
    refuse_unfinished(product, february, datetime(2013, 3, 1, tzinfo=UTC))
    wine = load_product("wine_cultivar")
    refuse_unfinished(wine, wine.calendar.parse("snapshot"))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let every step only say that it was run; `retrain` asks for nothing."""
    said: list[str] = []

    def step(name: str) -> Any:
        def run(job: Job) -> Done:
            said.append(f"{name} {job.candidate}".strip())
            families = ("ridge", "forest") if name == "snapshot" else ()
            return Done({}, stop_here="no" if name == "retrain" else "", expands_to=families)

        return run

    for name in STEPS:
        monkeypatch.setitem(steps.STEPS, name, step(name))
    yield said


def job() -> Job:
    product = load_product("flight_delay")
    return Job(product, product.calendar.parse("2013-02-01"))


def test_the_cycle_ends_where_a_step_says_so(ran: list[str]) -> None:
    list(run_stages(job(), STAGES))
    assert ran == ["labels", "ingest", "validate", "prepare", "score", "monitor", "retrain"]


def test_a_training_searches_every_candidate(ran: list[str]) -> None:
    list(run_stages(job(), ["train", "promote"]))
    assert ran == ["snapshot", "search ridge", "search forest", "fit", "judge", "promote"]


def test_what_was_landed_stands_where_a_run_must_not_land(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mlfactory.cycle.landed.read_manifest", lambda *which: manifests.pop())
    landed = {"counts": {"flights": 3}, "started_at": "2013-03-01T00:00:00+00:00"}
    manifests: list[dict[str, Any]] = [{}, landed]
    monkeypatch.setattr("mlfactory.ingest.run", lambda *which: pytest.fail("it was landed again"))
    anew = replace(job(), land=False)
    assert steps.ingest(anew).result == {
        "rows": {"flights": 3},
        "landed_at": "2013-03-01T00:00:00+00:00",
    }
    with pytest.raises(UsageError, match="2013-02-01: it was not landed"):
        steps.ingest(anew)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ContractError("7 of 9 rows are bad"), "7 of 9 rows are bad"),
        (NotImplementedError("no kernel for it"), "NotImplementedError: no kernel for it"),
    ],
)
def test_partitions_whose_labels_came_are_read_again_and_one_that_cannot_be_stops_nothing(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    told: str,
) -> None:
    product = load_product("flight_delay", REPOSITORY / "include" / "products")
    due = [product.calendar.parse(key) for key in ("2013-01-01", "2013-02-01")]
    monkeypatch.setattr("mlfactory.lake.owed.due_again", lambda product, partition: due)
    read = []

    def run(name: str) -> Any:
        def stage(product: Any, partition: Any, **asked: Any) -> None:
            # ingest is told why, so that no row is lost and no day that passed is stopped
            assert set(asked) == ({"again"} if name == "ingest" else set())
            if (name, partition.key) == ("validate", "2013-01-01"):
                raise raised
            read.append(f"{name} {partition}")

        return stage

    for name in ("ingest", "validate", "prepare"):
        monkeypatch.setattr(f"mlfactory.{name}.run", run(name))
    done = read_due_again(product, product.calendar.parse("2013-03-01"))
    assert done == {"again": ["2013-02-01"], "failed": {"2013-01-01": told}}
    assert read == [
        "ingest 2013-01-01",
        "ingest 2013-02-01",
        "validate 2013-02-01",
        "prepare 2013-02-01",
    ]
    # the other is to be read yet
    assert product_store(product.name).list("labels_owed") == ["labels_owed/2013-01-01"]
