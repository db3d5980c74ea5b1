"""What tasks of Airflow have waited for: the scheduler, or a place in their pool or on a worker."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, groupby
from typing import Any

Span = tuple[float, float]


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


def waits_to_be_seen(tasks: Sequence[Task]) -> list[float]:
    """Return for how many seconds each task was not known to be ready after one before it ended.

    That is the last one of its run that had ended by then; 0 for the first of a run.
    """
    ended: dict[tuple[str, str], list[float]] = {}
    for task in tasks:
        ended.setdefault(task.run, []).append(task.ended)
    return [
        task.ready - max((end for end in ended[task.run] if end <= task.ready), default=task.ready)
        for task in tasks
    ]


def waits_for_scheduler(
    tasks: Sequence[Task], slots: Mapping[str, int], places: int
) -> list[float]:
    """Return of each task the longest time that it was ready and was not given out, for no reason.

    A reason is that its pool is full, or that as many tasks are given out as all workers run at
    once: then these have enough to do, and which is next is a matter of priority.

    Args:
        slots: of each pool.
        places: tasks that all workers run at once.
    """
    busy = _full([(task.queued, task.ended) for task in tasks], places)
    of_pool = {
        pool: _full([(task.queued, task.ended) for task in tasks if task.pool == pool], count)
        for pool, count in slots.items()
    }
    return [
        _longest_gap(task, [*_within(busy, task), *_within(of_pool[task.pool], task)])
        for task in tasks
    ]


def _full(spans: Iterable[Span], places: int) -> list[Span]:
    """Return from when to when as many spans as there are places were under way, in their order."""
    edges = sorted(edge for start, end in spans for edge in ((start, 1), (max(start, end), -1)))
    taken = accumulate(step for _, step in edges)
    found: list[Span] = []
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


def _within(full: Sequence[Span], task: Task) -> Sequence[Span]:
    """Return the spans that a task's wait meets."""
    first = bisect_left(full, task.ready, key=lambda span: span[1])
    return full[first : bisect_left(full, task.queued, key=lambda span: span[0])]


def _longest_gap(task: Task, spans: Iterable[Span]) -> float:
    """Return the longest time between ready and given out that none of the spans covers."""
    longest, at = 0.0, task.ready
    for start, end in sorted(spans):
        longest, at = max(longest, start - at), max(at, end)
    return max(longest, task.queued - at)
