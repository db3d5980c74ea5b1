"""The DAG that compares what products should have by now with what they have."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowFailException

from mlfactory.pipeline.same_code import WithSchedulersCode
from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import load_products
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.login import airflow_login
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
    chosen = settings()
    with DAG(
        dag_id=RECONCILE,
        description="What is missing or stale in every product, and mends it",
        schedule=CronTriggerTimetable(f"*/{chosen.reconcile_minutes} * * * *", timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(minutes=30),
        is_paused_upon_creation=False,
        default_args={
            "owner": "mlfactory",
            "retries": 1,
            "retry_delay": timedelta(seconds=30),
            "execution_timeout": timedelta(minutes=20),
            "email_on_failure": False,
            "email_on_retry": False,
        },
        tags=["mlfactory"],
        doc_md=_DOC,
    ) as dag:
        ReconcileOperator(task_id="reconcile")
    return dag


class ReconcileOperator(WithSchedulersCode):
    """Looks at every product; one that cannot be looked at takes no other down."""

    ui_color = "#e8f1f5"

    def execute(self, context: Any) -> dict[str, list[str]]:
        """Return the gaps of each product in words, those without any left out."""
        from mlfactory.reconcile import reconcile
        from mlfactory.reconcile.page import in_words

        found: dict[str, list[str]] = {}
        problems = []
        with _airflow() as api:
            for product in load_products()[0]:
                try:
                    gaps = reconcile(product, api=api, mend=settings().reconcile_mends)
                except FactoryError as error:
                    problems.append(f"{product.name}: {error}")
                    continue
                except Exception as error:
                    self.log.exception("%s", product.name)
                    problems.append(f"{product.name}: {type(error).__name__}: {error}")
                    continue
                if gaps:
                    found[product.name] = [in_words(product, gap) for gap in gaps]
        if problems:
            raise AirflowFailException("\n".join(problems))
        return found


@contextmanager
def _airflow() -> Iterator[AirflowApi]:
    from airflow.sdk.configuration import conf

    # its client would log the address of every request
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # on a server Airflow's own setting is the address for people, which is another from here
    told = settings().airflow_address or conf.get("api", "base_url", fallback="")
    url = told or settings().airflow_url
    with AirflowApi(url, *airflow_login(settings())) as api:
        yield api
