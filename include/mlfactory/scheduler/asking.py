"""Asking a running Airflow for the data run of a partition that has landed already."""

from __future__ import annotations

from datetime import UTC, datetime

from mlfactory.product.errors import UsageError
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.runs import DagRun

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
