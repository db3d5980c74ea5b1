"""What tasks of Airflow have waited for: the scheduler, or a place in their pool or on a worker."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, groupby
from typing import Any


@dataclass(frozen=True)
class Task:
    """When a task was ready, given out, begun and over, in seconds, its pool, and its run."""

    name: str
    run: tuple[str, str]
    pool: str
    ready: float
    queued: float
    begun: float
    ended: float


def task_of(told: Mapping[str, Any]) -> Task | None:
    """Return a task as Airflow's API tells of it; None if it was not begun."""
    moments = [told[at] for at in ("scheduled_when", "queued_when", "start_date", "end_date")]
    if not all(moments):
        return None
    name = f"{told['dag_id']} {told['task_id']} {told['try_number']}"
    run = (told["dag_id"], told["dag_run_id"])
    return Task(
        name, run, told["pool"], *(datetime.fromisoformat(at).timestamp() for at in moments)
    )


def waits_to_be_seen(tasks: Iterable[Task]) -> list[float]:
    """Return for how many seconds tasks were not known to be ready after the one before them ended.

    Only tasks count before which another of their run has ended; not the first of a run.
    """
    found: list[float] = []
    for _, of_run in groupby(sorted(tasks, key=lambda task: task.run), lambda task: task.run):
        same = list(of_run)
        for task in same:
            before = [other.ended for other in same if other.ended <= task.ready]
            if before:
                found.append(task.ready - max(before))
    return found


def waits_for_scheduler(
    tasks: Sequence[Task], slots: Mapping[str, int], places: int | None
) -> list[float]:
    """Return for how many seconds of each task's wait there was a place that it got in the end.

    Args:
        slots: of each pool.
        places: tasks that are given out at once; None where there is no such number.
    """
    full = [_full(tasks, places)] if places else []
    of_pool = {
        pool: _full([task for task in tasks if task.pool == pool], count)
        for pool, count in slots.items()
    }
    return [
        task.queued
        - max(task.ready, *(_free_since(each, task) for each in (*full, of_pool[task.pool])))
        for task in tasks
    ]


def _full(tasks: Iterable[Task], places: int) -> list[tuple[float, float]]:
    """Return from when to when all places were taken, in their order."""
    edges = sorted(
        edge for task in tasks for edge in ((task.queued, 1), (max(task.queued, task.ended), -1))
    )
    taken = accumulate(step for _, step in edges)
    found: list[tuple[float, float]] = []
    states = [(at, count >= places) for (at, _), count in zip(edges, taken, strict=True)]
    since: float | None = None
    for at, same in groupby(states, key=lambda state: state[0]):
        # of several steps at one moment the last counts
        is_full = [state for _, state in same][-1]
        if is_full and since is None:
            since = at
        elif not is_full and since is not None:
            found.append((since, at))
            since = None
    return found


def _free_since(full: Sequence[tuple[float, float]], task: Task) -> float:
    """Return since when there was a place as the task was given out."""
    place = bisect_left(full, (task.queued, task.queued))
    return min(full[place - 1][1], task.queued) if place else task.ready
