"""Runs that a command left under way when it was killed: nobody goes on with them.

A training that a command began lives and dies with its process, for the next command begins
another. One that Airflow began goes on in another process, and is none of these.
"""

from __future__ import annotations

from mlflow.entities import ViewType

from mlfactory.lake.catalog import OF_A_COMMAND
from mlfactory.lake.processes import is_dead, this_process
from mlfactory.registry.connection import client, guarded

PROCESS = "mlfactory.process"
"""Tag of a run under way: the machine, the number and the start of the process it dies with."""

_MOST = 1000


def dies_with_this_process(training_id: str) -> dict[str, str]:
    """Return the tag of a training's runs; none where another process may go on with it."""
    return {PROCESS: this_process()} if f".{OF_A_COMMAND}" in training_id else {}


@guarded()
def end_abandoned(product: str) -> int:
    """End the runs of a product that died with a process of this machine; return how many.

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
    dead = [run for run in under_way if is_dead(run.data.tags.get(PROCESS, ""))]
    for run in dead:
        server.set_terminated(run.info.run_id, "KILLED")
    return len(dead)
