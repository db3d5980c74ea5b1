"""The runs that a partition causes: data, score, monitor, and a training where the policy asks.

A key has come to rest when every run that it causes is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from mlfactory.product.loader import Product
from mlfactory.product.partitions import as_utc
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.runs import DagRun, TaskRun

PARTS = ("data", "score", "monitor", "train")
"""The DAGs of a product, in the order in which a key passes through them."""


def dag_ids(product: str) -> dict[str, str]:
    """Return the id of the DAG of each part."""
    return {part: f"{product}.{part}" for part in PARTS}


def awaited(chain: Mapping[str, DagRun], retrain_state: str | None) -> str | None:
    """Return which DAG's run must be over next, None if the key has come to rest.

    Args:
        chain: the newest run of each DAG that this key has caused.
        retrain_state: the state of the monitor run's task `retrain`; success asks for a training.
    """
    for part in PARTS[:-1]:
        run = chain.get(part)
        if run is None or not run.is_over:
            return part
        if run.state != "success":
            return None
    train = chain.get("train")
    if retrain_state != "success" or (train is not None and train.is_over):
        return None
    return "train"


def state_of(tasks: Sequence[TaskRun], task_id: str) -> str | None:
    """Return the state of a task of a run, None if it is not there."""
    return next((task.state for task in tasks if task.task_id == task_id), None)


def paused_again(api: AirflowApi, product: Product) -> list[str]:
    """Return the DAGs that are paused now and are to be again after a replay.

    Not the data's of a product whose time has ended, which has no schedule to keep off. Else a
    schedule is for a person to switch on: nobody asked for the newest partitions.
    """
    kept_open = () if _is_live(product) else ("data",)
    ids = dag_ids(product.name).items()
    return [dag for part, dag in ids if part not in kept_open and api.is_paused(dag)]


def _is_live(product: Product) -> bool:
    end = product.spec.partition.end
    return not product.calendar.is_snapshot and (end is None or as_utc(end) > datetime.now(UTC))
