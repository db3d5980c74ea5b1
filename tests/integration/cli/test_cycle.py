"""Running a stage that asks MLflow."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mlfactory.cli.cycle import run_partitions
from mlfactory.cycle.job import Budget, Done, Job
from mlfactory.cycle.steps import STEPS
from mlfactory.product.loader import Product


def test_a_training_by_hand_has_a_reason_of_its_own(
    rain: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = []

    def step(job: Job) -> Done:
        reasons.append(job.budget.reason)
        return Done({})

    for name in ("snapshot", "search", "fit"):
        monkeypatch.setitem(STEPS, name, step)
    partition = rain.calendar.parse("2013-02-01")
    run_partitions(rain, [partition], ["train"], Budget(), Console(file=io.StringIO()))
    assert set(reasons) <= {"asked for by hand"}
    assert reasons
