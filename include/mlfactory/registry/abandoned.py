"""Runs that a command left under way when it was killed: nobody goes on with them.

A training that a command began lives and dies with its process, for the next command begins
another. One that Airflow began goes on in another process, and is none of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mlflow.entities import Run, ViewType

from mlfactory.lake.catalog import OF_A_COMMAND
from mlfactory.lake.processes import as_text, from_json, has_ended, this_process
from mlfactory.lake.store import parsed
from mlfactory.product.errors import IntegrityError
from mlfactory.registry.connection import client, guarded

PROCESS = "mlfactory.process"
"""Tag of a run under way: the process it dies with."""

_TRAINING = "mlfactory.training_id"
_MOST = 1000

Ended = Literal["FINISHED", "KILLED"]


@dataclass(frozen=True)
class LeftRunning:
    """A run that MLflow shows as under way.

    Attributes:
        training_id: of the training that it is of.
        candidate: whose search it is; empty of the training's own.
    """

    run_id: str
    training_id: str
    candidate: str


def dies_with_this_process(training_id: str) -> dict[str, str]:
    """Return the tag of a training's runs; none where another process may go on with it."""
    return {PROCESS: as_text(this_process())} if f".{OF_A_COMMAND}" in training_id else {}


@guarded()
def end_abandoned(product: str) -> int:
    """End the runs of a product that died with a process that is known to; return how many.

    Raises:
        ServiceError: MLflow does not answer.
    """
    dead = [run for run in _under_way(product) if _is_abandoned(run)]
    for run in dead:
        client().set_terminated(run.info.run_id, "KILLED")
    return len(dead)


@guarded()
def left_running(product: str) -> list[LeftRunning]:
    """Return the runs of a product's trainings that MLflow shows as under way.

    Raises:
        ServiceError: MLflow does not answer.
    """
    trainings: dict[str, str] = {}
    found = []
    for run in _under_way(product):
        tags = run.data.tags
        parent = str(tags.get("mlflow.parentRunId", ""))
        if parent and parent not in trainings:
            above = client().get_run(parent).data.tags
            trainings[parent] = str(above.get(_TRAINING, ""))
        of = trainings[parent] if parent else str(tags.get(_TRAINING, ""))
        if of:
            candidate = str(tags.get("mlfactory.candidate", ""))
            found.append(LeftRunning(str(run.info.run_id), of, candidate))
    return found


@guarded()
def close(run: LeftRunning, state: Ended) -> None:
    """Let a run be over."""
    client().set_terminated(run.run_id, state)


def _under_way(product: str) -> Sequence[Run]:
    server = client()
    experiment = server.get_experiment_by_name(product)
    if experiment is None:
        return []
    found: Sequence[Run] = server.search_runs(
        [experiment.experiment_id],
        "attributes.status = 'RUNNING'",
        ViewType.ACTIVE_ONLY,
        _MOST,
    )
    return found


def _is_abandoned(run: Run) -> bool:
    told = run.data.tags.get(PROCESS)
    if told is None:
        return False
    where = f"the tag {PROCESS} of run {run.info.run_id}"
    try:
        return has_ended(from_json(parsed(told.encode(), where), where)) is True
    except IntegrityError:
        # what names no process says of none that it has ended
        return False
