"""Mending a gap in this process, where there is no Airflow."""

from __future__ import annotations

from dataclasses import replace

from mlfactory.cycle.job import Job
from mlfactory.cycle.run import run_stages
from mlfactory.cycle.training_ids import new_training_id
from mlfactory.product.loader import Product
from mlfactory.reconcile.gaps import DATA, MONITOR, SCORE, TRAIN, Gap

_STAGES = {
    # what a DAG's run would cause: what follows the data follows here too
    DATA: ("ingest", "validate", "prepare", "score", "monitor", "retrain", "train", "promote"),
    SCORE: ("score", "monitor", "retrain", "train", "promote"),
    MONITOR: ("monitor", "retrain", "train", "promote"),
    TRAIN: ("train", "promote"),
}


def mend(product: Product, gap: Gap) -> Gap:
    """Run the stages that mend `gap`, and return the gap with what was done.

    Raises:
        FactoryError: whatever a stage raises.
    """
    partition = product.calendar.parse(gap.key)
    job = Job(product, partition, new_training_id(partition))
    ran = [step for step, _, _ in run_stages(job, _STAGES[gap.part])]
    return replace(gap, mended=f"ran {', '.join(dict.fromkeys(ran))}")
