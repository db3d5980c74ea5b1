from __future__ import annotations

import pytest

from mlfactory.scheduler.chain import awaited
from mlfactory.scheduler.runs import DagRun


def chain(**states: str) -> dict[str, DagRun]:
    return {
        part: DagRun(f"rain.{part}", "r", state, "k", None, None, None)
        for part, state in states.items()
    }


@pytest.mark.parametrize(
    ("states", "retrain", "expected"),
    [
        ({}, None, "data"),
        ({"data": "queued"}, None, "data"),
        ({"data": "running"}, None, "data"),
        ({"data": "failed"}, None, None),
        ({"data": "success"}, None, "score"),
        ({"data": "running", "score": "success"}, None, "data"),
        ({"data": "success", "score": "running"}, None, "score"),
        ({"data": "success", "score": "failed"}, None, None),
        ({"data": "success", "score": "success"}, None, "monitor"),
        ({"data": "success", "score": "success", "monitor": "running"}, None, "monitor"),
        ({"data": "success", "score": "success", "monitor": "failed"}, None, None),
        ({"data": "success", "score": "success", "monitor": "success"}, "skipped", None),
        ({"data": "success", "score": "success", "monitor": "success"}, "success", "train"),
    ],
)
def test_a_key_rests_when_no_run_of_it_is_to_come(
    states: dict[str, str], retrain: str | None, expected: str | None
) -> None:
    assert awaited(chain(**states), retrain) == expected


@pytest.mark.parametrize(
    ("train", "expected"),
    [("queued", "train"), ("running", "train"), ("success", None), ("failed", None)],
)
def test_a_key_that_asked_for_a_training_rests_when_that_is_over(
    train: str, expected: str | None
) -> None:
    runs = chain(data="success", score="success", monitor="success", train=train)
    assert awaited(runs, "success") == expected
