"""Mending a gap in this process, where there is no Airflow."""

from __future__ import annotations

from dataclasses import replace

from mlfactory.cycle.job import Job
from mlfactory.cycle.run import run_stages
from mlfactory.cycle.steps import STAGES
from mlfactory.cycle.training_ids import new_training_id
from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import Product
from mlfactory.reconcile.gaps import DATA, LATE, MONITOR, SCORE, TRAIN, Gap

_BEGINS_WITH = {DATA: "labels", SCORE: "score", MONITOR: "monitor", TRAIN: "train"}
"""The first stage of what a DAG's run would cause: what follows it there follows here too."""


def mend(product: Product, gap: Gap) -> Gap:
    """Run the stages that mend `gap`, and return the gap with what was done.

    What fails stands against mending this gap, and against no other.
    """
    partition = product.calendar.parse(gap.key)
    arrived = gap.words if gap.kind == LATE else ""
    training = new_training_id(partition)
    job = Job(product, partition, training, land=not gap.landed, arrived=arrived)
    names = list(STAGES)
    try:
        done = run_stages(job, names[names.index(_BEGINS_WITH[gap.part]) :])
        ran = dict.fromkeys(step for step, _, _ in done)
    except FactoryError as error:
        return replace(gap.hindered(f"it was tried, and failed: {error}"), failed=True)
    return replace(gap, mended=f"ran {', '.join(ran)}")
