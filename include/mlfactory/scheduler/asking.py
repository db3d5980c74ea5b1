"""Asking a running Airflow for the data run of a partition."""

from __future__ import annotations

from datetime import UTC, datetime

from mlfactory.product.errors import UsageError
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.runs import DagRun

ARRIVED = "arrived__"
"""How the ids of the runs begin that land what has come for a partition."""

_MOST_WORDS = 900
"""Characters of a reason that a run's form and its note have room for."""

RELEASED = "released__"
"""How the ids of the runs begin that bring in what was decided about rows in quarantine."""


def refuse_without_dag(api: AirflowApi, product: str) -> None:
    """Make sure that Airflow has the DAG that prepares the product's data.

    Raises:
        UsageError: if it has not.
        ServiceError: if it does not answer.
    """
    if not api.knows(f"{product}.data"):
        raise UsageError(
            f"Airflow at {api.url} has no DAG {product}.data",
            remedy=f"see what is wrong with the product: mlfactory check {product}",
        )


def ask_for_data(api: AirflowApi, product: str, key: str, *, name: str = "") -> DagRun:
    """Start the run that validates and prepares a partition anew, without landing it again.

    Args:
        name: of what asks, so that asking again starts no second run; the moment by default.
    """
    told = name or datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    run_id = f"{RELEASED}{key}__{told}"
    return api.trigger(f"{product}.data", key, run_id=run_id, conf={"land": False})


def land(
    api: AirflowApi, product: str, key: str, *, arrived: str, run_id: str, anew: bool = False
) -> DagRun:
    """Start the run that lands what has come for a partition, or return the one that there is.

    Args:
        arrived: what that is, in words; the run says so, and so does what is announced of it.
        run_id: of just this that has come, so that asking again starts no second run.
        anew: start another one where those that there are, are over.
    """
    told = arrived if len(arrived) <= _MOST_WORDS else f"{arrived[: _MOST_WORDS - 2]} …"
    dag_id, form = f"{product}.data", {"arrived": told}
    run = api.trigger(dag_id, key, run_id=run_id, conf=form, note=told)
    # numbered, so that who asks a second time finds the same one
    number = 1
    while anew and run.is_over:
        number += 1
        run = api.trigger(dag_id, key, run_id=f"{run_id}__{number}", conf=form, note=told)
    return run
