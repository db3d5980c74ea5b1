"""Who may run when there is not room for all: what serves goes first, and few trainings at once.

Airflow leaves a task waiting for good whose pool is not there. So the pool is made, or brought to
the size of the settings, by the scheduler as it starts: on a laptop, on a server and in a cluster
alike, before anybody has typed a command; and by it alone, for there it is that tasks wait, and of
several parts the last to start would have its way.
"""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl

from mlfactory.pipeline.same_code import is_scheduler
from mlfactory.settings import settings

TRAININGS = "mlfactory_trainings"
"""The pool of what a training computes: each search of a candidate, and each fit, is a slot."""

PRIORITY = {
    "predict": 50,
    "quarantine": 50,
    "arrivals": 45,
    "labels": 50,
    "score": 40,
    "data": 30,
    "monitor": 20,
    "train": 10,
}
"""Of the tasks of a DAG: a person waits, then what serves, then what will serve one day."""


def make_pools() -> None:
    """Make the pool of trainings, or bring it to the size that the settings name.

    Harmless however often it is called; Airflow's tables must be there.
    """
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy.exc import IntegrityError

    try:
        with create_session() as session:
            Pool.create_or_update_pool(
                TRAININGS,
                slots=settings().searches_at_once,
                description="Searches and fits at once, of all products: "
                "MLFACTORY_TRAININGS_AT_ONCE, read when the scheduler starts",
                include_deferred=False,
                session=session,
            )
    except IntegrityError:
        # another scheduler that starts at this moment was first
        return


@hookimpl
def on_starting(component: Any) -> None:
    """Make the pools as the scheduler starts."""
    if is_scheduler(component):
        make_pools()
