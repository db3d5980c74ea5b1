"""The one operator of all DAGs: runs a step for the partition of its DAG run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from mlfactory.pipeline.links import MlflowRunLink
from mlfactory.pipeline.steps import STEPS, Done, Job, validation_links
from mlfactory.product.errors import FactoryError, ServiceError, UsageError
from mlfactory.product.loader import Product, load_product
from mlfactory.product.mistakes import nearest
from mlfactory.product.partitions import SNAPSHOT, Partition

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mlfactory.pipeline.links import StageLink

_CURED_BY_RETRYING = (ServiceError, ConnectionError, TimeoutError, OSError)


class StageOperator(BaseOperator):
    """Run one step of a product for the partition of the DAG run.

    Only what trying again can cure is tried again: a service that is away. A broken contract or a
    bug fails at once.

    Args:
        product: the product's name.
        step: a name in `pipeline.steps.STEPS`.
        links: the buttons of the task's page.
        outlets: the asset whose event tells the other DAGs that this step is done.
        candidate: for the search, the family to search.
    """

    ui_color = "#e8f1f5"

    def __init__(
        self,
        *,
        product: str,
        step: str,
        links: Sequence[type[StageLink]] = (),
        candidate: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.product = product
        self.step = step
        self.candidate = candidate
        if links:
            self.operator_extra_links = tuple(link() for link in links)
        self.links_found: dict[str, str] = {}

    def execute(self, context: Context) -> Any:
        """Run the step; returns its result, which Airflow keeps as the task's XCom."""
        try:
            job = self._job(context)
            if self.step == "validate":
                self.links_found = validation_links(job)
            done = STEPS[self.step](job)
        except _CURED_BY_RETRYING as error:
            raise AirflowException(str(error)) from error
        except FactoryError as error:
            # the text is the message; a traceback through our code would only bury it
            raise AirflowFailException(str(error)) from None
        except Exception as error:
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error
        self.links_found = done.links
        for name, address in done.links.items():
            self.log.info("%s: %s", name, address)
        if done.stop_here:
            self.log.info("%s: %s", self.step, done.stop_here)
            self._keep(context, done)
            raise AirflowSkipException(done.stop_here)
        self._announce(context, job, done)
        return list(done.expands_to) or done.result

    def _job(self, context: Context) -> Job:
        from airflow.sdk.configuration import conf

        run = context["dag_run"]
        product = load_product(self.product)
        _refuse_unknown_params(run.conf or {}, context["params"])
        partition = _partition(product, run.partition_key)
        return Job(
            product=product,
            partition=partition,
            dag_id=run.dag_id,
            base_url=conf.get("api", "base_url", fallback="") or "",
            training_id=training_id(partition.key, run.run_id),
            candidate=self.candidate,
            params=dict(context["params"]),
        )

    def _announce(self, context: Context, job: Job, done: Done) -> None:
        for asset in self.outlets:
            event = context["outlet_events"][asset]
            event.extra = {"partition": job.partition.key, **done.result}
            if context["dag_run"].partition_key is None:
                event.add_partitions(job.partition.key)

    def _keep(self, context: Context, done: Done) -> None:
        context["ti"].xcom_push(key="return_value", value=done.result)


class SearchOperator(StageOperator):
    """Search one candidate family; a mapped task, whose links Airflow asks of the class."""

    operator_extra_links = (MlflowRunLink(),)


def training_id(partition: str, run_id: str) -> str:
    """Return the id of the training that a DAG run makes: the same for every retry of it."""
    return f"{partition}.{re.sub(r'[^A-Za-z0-9_-]+', '-', run_id).strip('-')}".replace(":", "-")


def _partition(product: Product, key: str | None) -> Partition:
    if key is None:
        if product.calendar.is_snapshot:
            return product.calendar.parse(SNAPSHOT)
        first = product.calendar.first
        example = product.calendar.containing(first).key if first else "2026-01-01"
        raise UsageError(
            "this run has no partition key",
            remedy="trigger it with Advanced Options, Partition Key filled in, like " + example,
        )
    return product.calendar.parse(key)


def _refuse_unknown_params(given: dict[str, Any], known: Any) -> None:
    for name in given:
        if name not in known:
            raise UsageError(
                f"the run was given '{name}', which this DAG does not take"
                f"{nearest(name, list(known))}",
                remedy=f"it takes {sorted(known)}" if known else "it takes no parameters",
            )
