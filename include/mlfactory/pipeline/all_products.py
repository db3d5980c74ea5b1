"""DAGs of the house, which look after all products: what they share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowFailException

from mlfactory.pipeline.same_code import WithSchedulersCode
from mlfactory.product.errors import FactoryError


def house_dag(dag_id: str, cron: str, *, minutes: int, retry_delay: timedelta, **given: Any) -> DAG:
    """Return a DAG of the house: not paused, one run at a time, none for times that have passed.

    Args:
        dag_id: its name.
        cron: when it runs, in UTC.
        minutes: how long its task may take; a run has half as much again, for a second try.
        retry_delay: between two tries.
        given: whatever else the DAG has.
    """
    return DAG(
        dag_id=dag_id,
        schedule=CronTriggerTimetable(cron, timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(minutes=1.5 * minutes),
        is_paused_upon_creation=False,
        default_args={
            "owner": "mlfactory",
            "retries": 1,
            "retry_delay": retry_delay,
            "execution_timeout": timedelta(minutes=minutes),
            "email_on_failure": False,
            "email_on_retry": False,
        },
        tags=["mlfactory"],
        **given,
    )


class AllProductsOperator(WithSchedulersCode):
    """Looks after every product; one that cannot be looked after takes no other down."""

    ui_color = "#e8f1f5"

    def tell_each(self, steps: Iterable[tuple[str, Iterable[str]]]) -> dict[str, list[str]]:
        """Return what is told of each product, logged as it comes, those without it left out.

        Args:
            steps: a product's name, and the lines, which are made while they are read.

        Raises:
            AirflowFailException: something went wrong with one or more; the others are done.
        """
        found, problems = dict[str, list[str]](), list[str]()
        for name, lines in steps:
            told = found.setdefault(name, [])
            try:
                for line in lines:
                    self.log.info("%s: %s", name, line)
                    told.append(line)
            except FactoryError as error:
                problems.append(f"{name}: {error}")
            except Exception as error:
                self.log.exception("%s", name)
                problems.append(f"{name}: {type(error).__name__}: {error}")
        if problems:
            raise AirflowFailException("\n".join(problems))
        return {name: told for name, told in found.items() if told}
