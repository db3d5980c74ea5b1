"""The one table of steps, and the ids of trainings."""

from __future__ import annotations

import pytest

from mlfactory.cycle.steps import STAGES, STEPS
from mlfactory.cycle.training_ids import new_training_id, training_id
from mlfactory.product.partitions import Calendar


def test_the_stages_stand_in_the_order_of_a_models_life() -> None:
    assert list(STAGES) == [
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
    assert [step for steps in STAGES.values() for step in steps] == list(STEPS)


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
