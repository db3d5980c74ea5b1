"""The DAG that does the upkeep: what is old and nobody points to goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param

from mlfactory.pipeline.all_products import AllProductsOperator, house_dag
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
    with house_dag(
        UPKEEP,
        f"17 {settings().upkeep_hour} * * *",
        minutes=180,
        retry_delay=timedelta(minutes=5),
        description="What is old and nobody points to goes",
        doc_md=_DOC,
        params={
            "dry_run": Param(
                False, type="boolean", title="Dry run", description="Tell it, and change nothing."
            )
        },
    ) as dag:
        UpkeepOperator(task_id="upkeep")
    return dag


class UpkeepOperator(AllProductsOperator):
    """Keeps every product, and then the factory itself."""

    def execute(self, context: Any) -> dict[str, list[str]]:
        """Return what was done of each product in words, those without anything left out."""
        return self.tell_each(_steps(dry_run=bool(context["params"]["dry_run"])))


def _steps(*, dry_run: bool) -> Iterator[tuple[str, Iterable[str]]]:
    from airflow.sdk.configuration import conf

    from mlfactory.upkeep import keep_factory, keep_product

    for folder in product_folders():
        yield folder.name, keep_product(folder.name, dry_run=dry_run)
    logs = Path(conf.get("logging", "base_log_folder"))
    yield "mlfactory", keep_factory(logs, dry_run=dry_run)
