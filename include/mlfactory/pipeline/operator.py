"""The one operator of all DAGs: runs a step for the partition of its DAG run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)

from mlfactory.connections import looked_up_by
from mlfactory.cycle.clock import refuse_unfinished
from mlfactory.cycle.job import BY_HAND, RECONCILED, Budget, Done, Job
from mlfactory.cycle.pace import heals_in_seconds, look_again
from mlfactory.cycle.steps import STEPS, validation_pages
from mlfactory.cycle.training_ids import training_id
from mlfactory.pipeline.connecting import known_to_airflow
from mlfactory.pipeline.links import MlflowRunLink, page_url
from mlfactory.pipeline.retries import TryAgain
from mlfactory.pipeline.same_code import WithSchedulersCode, run_apart
from mlfactory.product.errors import FactoryError, LateSourceError, UsageError, is_disk_full
from mlfactory.product.loader import Product, load_product
from mlfactory.product.mistakes import nearest
from mlfactory.product.partitions import SNAPSHOT, Partition

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mlfactory.pipeline.links import StageLink


class StageOperator(WithSchedulersCode):
    """Run one step of a product for the partition of the DAG run.

    Only what trying again can cure is tried again, at the pace of the error: a file that is late
    for hours, without a worker's slot in between; a service that is away within seconds. A broken
    contract or a bug fails at once.

    Args:
        product: the product's name.
        step: a name in `cycle.steps.STEPS`.
        links: the buttons of the task's page.
        outlets: the asset whose event tells the other DAGs that this step is done.
        candidate: for the search, the family to search.
        shard: for a shard of a partition, which one, from 0.
    """

    ui_color = "#e8f1f5"

    def __init__(
        self,
        *,
        product: str,
        step: str,
        links: Sequence[type[StageLink]] = (),
        candidate: str = "",
        shard: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.product = product
        self.step = step
        self.candidate = candidate
        self.shard = shard
        if links:
            self.operator_extra_links = tuple(link() for link in links)
        self.links_found: dict[str, str] = {}

    def execute(self, context: Context) -> Any:
        """Run the step; returns its result, which Airflow keeps as the task's XCom."""
        job: Job | None = None
        try:
            job = self._job(context)
            if self.step == "validate":
                self._link(context, Done({}, validation_pages(job)))
            with looked_up_by(known_to_airflow):
                done = STEPS[self.step](job)
        except Exception as error:
            raise self._told(error, job, context) from cause_of(error)
        self._link(context, done)
        if done.stop_here:
            self.log.info("%s: %s", self.step, done.stop_here)
            context["ti"].xcom_push(key="return_value", value=done.result)
            raise AirflowSkipException(done.stop_here)
        self._announce(context, job, done)
        return [{"candidate": name} for name in done.expands_to] or done.result

    def _told(self, error: Exception, job: Job | None, context: Context) -> Exception:
        """Return what to raise so that Airflow tries again what can be cured, when it can be."""
        text = str(error) if isinstance(error, FactoryError) else f"{type(error).__name__}: {error}"
        again = _look_again(error, job, context["dag_run"].start_date) if job else None
        if again is not None:
            self.log.warning("%s\nlooking again at %s", text, f"{again:%Y-%m-%d %H:%M:%S} UTC")
            return AirflowRescheduleException(again)  # type: ignore[no-untyped-call]
        if heals_in_seconds(error) and not isinstance(error, LateSourceError):
            return TryAgain(text)
        if run_apart() and is_disk_full(error):
            # it may be one machine's own, and another one takes the next try
            return TryAgain(text)
        return AirflowFailException(text)

    def _job(self, context: Context) -> Job:
        run = context["dag_run"]
        product = load_product(self.product)
        params = dict(context["params"])
        refuse_unknown_params(run.conf or {}, params)
        partition = _partition(product, run.partition_key)
        refuse_unfinished(product, partition)
        return Job(
            product=product,
            partition=partition,
            training_id=training_id(partition.key, run.run_id),
            candidate=self.candidate,
            shard=self.shard,
            budget=_budget(params, by_hand(run)),
            land=params.get("land", True),
            arrived=str(params.get("arrived") or ""),
        )

    def _link(self, context: Context, done: Done) -> None:
        from airflow.sdk.configuration import conf

        base = conf.get("api", "base_url", fallback="") or ""
        dag_id = context["dag_run"].dag_id
        self.links_found = {
            **{name: page_url(base, dag_id, path) for name, path in done.pages.items()},
            **done.addresses,
        }
        for name, address in self.links_found.items():
            self.log.info("%s: %s", name, address)

    def _announce(self, context: Context, job: Job, done: Done) -> None:
        for asset in self.outlets:
            event = context["outlet_events"][asset]
            event.extra = {"partition": job.partition.key, **done.result}
            if context["dag_run"].partition_key is None:
                event.add_partitions(job.partition.key)


class SearchOperator(StageOperator):
    """Search one candidate family; a mapped task, whose links Airflow asks of the class."""

    operator_extra_links = (MlflowRunLink(),)


def by_hand(run: Any) -> bool:
    """Tell whether a person started the run: not a schedule, an event, or what mends lost ones."""
    return run.run_type == "manual" and not run.run_id.startswith(RECONCILED)


def _budget(params: Mapping[str, Any], is_by_hand: bool) -> Budget:
    candidates = params.get("candidates")
    return Budget(
        trials=params.get("trials"),
        seconds=params.get("seconds"),
        candidates=tuple(candidates) if candidates else None,
        # the request's own reason stands only for the training that it asked for
        reason=params.get("reason") or (BY_HAND if is_by_hand else ""),
    )


def _look_again(error: Exception, job: Job, since: datetime | None) -> datetime | None:
    now = datetime.now(UTC)
    return look_again(error, job.product, job.partition, since=since or now, now=now)


def cause_of(error: Exception) -> Exception | None:
    """Return what a log should show below the message: our own message needs no traceback."""
    return None if isinstance(error, FactoryError) else error


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


def refuse_unknown_params(given: dict[str, Any], known: Any) -> None:
    """Make sure that a run was given nothing that its form does not have.

    Raises:
        UsageError: naming what it does not take.
    """
    for name in given:
        if name not in known:
            raise UsageError(
                f"the run was given '{name}', which this DAG does not take"
                f"{nearest(name, list(known))}",
                remedy=f"it takes {sorted(known)}" if known else "it takes no parameters",
            )
