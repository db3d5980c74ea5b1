"""Running stages in this process, one step after the other."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from mlfactory.cycle.job import Done, Job
from mlfactory.cycle.steps import STAGES, STEPS


def run_stages(job: Job, stages: Iterable[str]) -> Iterator[tuple[str, Done, float]]:
    """Run the steps of the stages in their order until one says that nothing follows.

    A step is run once for every candidate that the step before it named.

    Yields:
        Each step, what it has done, and its seconds, as soon as it is done.

    Raises:
        FactoryError: whatever a stage raises.
    """
    done = Done({})
    for step in (step for stage in stages for step in STAGES[stage]):
        for one in [replace(job, candidate=name) for name in done.expands_to] or [job]:
            started = time.perf_counter()
            done = STEPS[step](one)
            yield step, done, time.perf_counter() - started
        if done.stop_here:
            return
