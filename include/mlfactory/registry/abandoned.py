"""Runs that a command left under way when it was killed: nobody goes on with them.

A training that a command began lives and dies with its process, for the next command begins
another. One that Airflow began goes on in another process, and is none of these.
"""

from __future__ import annotations

from mlflow.entities import Run, ViewType

from mlfactory.lake.catalog import OF_A_COMMAND
from mlfactory.lake.processes import as_text, from_json, has_ended, this_process
from mlfactory.lake.store import parsed
from mlfactory.product.errors import IntegrityError
from mlfactory.registry.connection import client, guarded

PROCESS = "mlfactory.process"
"""Tag of a run under way: the process it dies with."""

_MOST = 1000


def dies_with_this_process(training_id: str) -> dict[str, str]:
    """Return the tag of a training's runs; none where another process may go on with it."""
    return {PROCESS: as_text(this_process())} if f".{OF_A_COMMAND}" in training_id else {}


@guarded()
def end_abandoned(product: str) -> int:
    """End the runs of a product that died with a process that is known to; return how many.

    Raises:
        ServiceError: MLflow does not answer.
    """
    server = client()
    experiment = server.get_experiment_by_name(product)
    if experiment is None:
        return 0
    under_way = server.search_runs(
        [experiment.experiment_id],
        "attributes.status = 'RUNNING'",
        ViewType.ACTIVE_ONLY,
        _MOST,
    )
    dead = [run for run in under_way if _is_abandoned(run)]
    for run in dead:
        server.set_terminated(run.info.run_id, "KILLED")
    return len(dead)


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
