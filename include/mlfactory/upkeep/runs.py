"""Runs that MLflow shows as under way although their training ended, or is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from mlfactory.registry.abandoned import Ended, LeftRunning, close, left_running
from mlfactory.trainings.files import find_fitted, search_of, trainings_of
from mlfactory.trainings.records import Training
from mlfactory.upkeep.waiting import in_the_way

_LONGEST = timedelta(hours=36)
"""No training takes longer."""


def keep_runs(product: str, now: datetime, *, ours: int, dry_run: bool) -> Iterator[str]:
    """Close the runs of trainings that are over; yield what that comes to.

    A run that is closed runs again if its stage does.

    Args:
        ours: how many notes of work are the asker's own.

    Raises:
        ServiceError: MLflow does not answer.
    """
    found = left_running(product)
    # a stage leaves its note before it makes a run, and pins its training before it takes it away
    if not found or in_the_way(product, ours) is not None:
        return
    trainings = {one.training_id: one for one in trainings_of(product)}
    closed = [(run, state) for run in found if (state := _fate(run, trainings, now)) is not None]
    for run, state in [] if dry_run else closed:
        close(run, state)
    if closed:
        yield f"MLflow: {len(closed)} runs closed, of trainings that ended or are gone"


def _fate(run: LeftRunning, trainings: Mapping[str, Training], now: datetime) -> Ended | None:
    """Return as what a run is to be closed, None if its training may go on."""
    training = trainings.get(run.training_id)
    if training is None:
        return "KILLED"
    is_fitted = find_fitted(training.product, training.training_id) is not None
    if run.candidate and search_of(training, run.candidate) is not None:
        return "FINISHED"
    if is_fitted:
        return "KILLED" if run.candidate else "FINISHED"
    pinned = datetime.fromisoformat(training.pinned_at)
    # trainings of a product never overlap, so that a later one says that this one was given up
    later = any(datetime.fromisoformat(one.pinned_at) > pinned for one in trainings.values())
    return "KILLED" if later or pinned < now - _LONGEST else None
