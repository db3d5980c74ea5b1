"""The DAG that compares what products should have by now with what they have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from mlfactory.pipeline.all_products import AllProductsOperator, house_dag
from mlfactory.pipeline.own_airflow import own_airflow
from mlfactory.product.loader import Product, load_products
from mlfactory.scheduler.api import AirflowApi
from mlfactory.settings import settings

RECONCILE = "mlfactory.reconcile"

_DOC = """### What is missing or stale, in every product
Compares what each product should have by now with what it has: partitions that are over and were
never landed, stages that nothing followed (an event that comes while a DAG is paused is lost),
trainings that were asked for and never came, runs that read something replaced since, data that is
too old, runs that wait on a paused DAG.

What is safe is mended by starting the run that is missing, a few at a time; what was landed is not
landed again. What failed is tried again, after an hour and then ever later; a DAG that is paused,
and data that broke its contract, is for a person. Each product's pages show what was found, the log
warns of what is new. `mlfactory reconcile` tells the same without Airflow.
"""


def reconcile_dag() -> DAG:
    """Return the DAG; it is not paused, and one task looks at all products."""
    with house_dag(
        RECONCILE,
        f"*/{settings().reconcile_minutes} * * * *",
        minutes=20,
        retry_delay=timedelta(seconds=30),
        description="What is missing or stale in every product, and mends it",
        doc_md=_DOC,
    ) as dag:
        ReconcileOperator(task_id="reconcile")
    return dag


class ReconcileOperator(AllProductsOperator):
    """Looks at every product, and mends what is safe."""

    def execute(self, context: Any) -> dict[str, list[str]]:
        """Return the gaps of each product in words, those without any left out."""
        with own_airflow() as api:
            return self.tell_each((each.name, _gaps(each, api)) for each in load_products()[0])


def _gaps(product: Product, api: AirflowApi) -> Iterator[str]:
    from mlfactory.reconcile import reconcile
    from mlfactory.reconcile.page import in_words

    for gap in reconcile(product, api=api, mend=settings().reconcile_mends):
        yield in_words(product, gap)
