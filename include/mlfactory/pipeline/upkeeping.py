"""The DAG that does the upkeep: what is old and nobody points to goes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param
from airflow.sdk.exceptions import AirflowFailException

from mlfactory.pipeline.same_code import WithSchedulersCode
from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import product_folders
from mlfactory.settings import settings

UPKEEP = "mlfactory.upkeep"

_DOC = """### What is old and nobody points to goes
Once a day: small files of tables are made fewer, versions of tables go that are older than
`MLFACTORY_VERSIONS_KEPT_DAYS` and that no training of a registered model and no open one has
pinned, old pages and answers, runs that MLflow shows as under way though their training is over,
old logs of tasks, and what Airflow remembers of long ago. A product that is being worked on waits.

*Dry run* in the form: the same lines, and nothing changes. `mlfactory upkeep` does the same.
"""


def upkeep_dag() -> DAG:
    """Return the DAG; it is not paused, and one task looks after all products."""
    with DAG(
        dag_id=UPKEEP,
        description="What is old and nobody points to goes",
        schedule=CronTriggerTimetable(f"17 {settings().upkeep_hour} * * *", timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=4),
        is_paused_upon_creation=False,
        params={
            "dry_run": Param(
                False, type="boolean", title="Dry run", description="Tell it, and change nothing."
            )
        },
        default_args={
            "owner": "mlfactory",
            "retries": 1,
            "retry_delay": timedelta(minutes=5),
            "execution_timeout": timedelta(hours=3),
            "email_on_failure": False,
            "email_on_retry": False,
        },
        tags=["mlfactory"],
        doc_md=_DOC,
    ) as dag:
        UpkeepOperator(task_id="upkeep")
    return dag


class UpkeepOperator(WithSchedulersCode):
    """Looks after every product; one that cannot be looked after takes no other down."""

    ui_color = "#e8f1f5"

    def execute(self, context: Any) -> dict[str, list[str]]:
        """Return what was done of each product in words, those without anything left out."""
        from airflow.sdk.configuration import conf

        from mlfactory.upkeep import keep_factory, keep_product

        dry_run = bool(context["params"]["dry_run"])
        logs = Path(conf.get("logging", "base_log_folder"))
        steps = {
            folder.name: keep_product(folder.name, dry_run=dry_run) for folder in product_folders()
        }
        steps["mlfactory"] = keep_factory(logs, dry_run=dry_run)
        found, problems = dict[str, list[str]](), list[str]()
        for name, lines in steps.items():
            done = self._told(name, lines, problems)
            if done:
                found[name] = done
        if problems:
            raise AirflowFailException("\n".join(problems))
        return found

    def _told(self, name: str, lines: Iterable[str], problems: list[str]) -> list[str]:
        """Return the lines of a product, logged as they come; what goes wrong is a problem."""
        done = []
        try:
            for line in lines:
                self.log.info("%s: %s", name, line)
                done.append(line)
        except FactoryError as error:
            problems.append(f"{name}: {error}")
        except Exception as error:
            self.log.exception("%s", name)
            problems.append(f"{name}: {type(error).__name__}: {error}")
        return done
