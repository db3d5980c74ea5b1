"""`mlfactory.replay`: a span of partitions, each brought to rest before the next, by a form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param
from airflow.sdk.exceptions import AirflowFailException

from mlfactory.cycle.pace import heals_in_seconds
from mlfactory.cycle.spans import span_of
from mlfactory.pipeline.forms import of_products, why
from mlfactory.pipeline.operator import cause_of, refuse_unknown_params
from mlfactory.pipeline.own_airflow import own_airflow
from mlfactory.pipeline.pools import PRIORITY
from mlfactory.pipeline.retries import PaceOfTheError, TryAgain
from mlfactory.pipeline.same_code import WithSchedulersCode
from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import load_product
from mlfactory.scheduler.replay import REPLAY, Replay

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mlfactory.product.loader import Product
    from mlfactory.product.partitions import Partition
    from mlfactory.scheduler.api import AirflowApi
    from mlfactory.scheduler.looking import Look

_DOC = """### A span of partitions, each brought to rest before the next
The data run of a key, the scores and the monitoring that follow it, and the training where the
policy asks for one: only when all of them are over does the next key begin. Airflow's own
*Backfill* of `<product>.data` does not wait. No worker's slot is held meanwhile, and one replay of
a product goes on at a time. `mlfactory replay` does the same from a shell.

How far it is stands beside the run, as its note, and in the log of `replay`. A key that fails keeps
no other from running; the run is red then, and the note names the keys. *Clear* goes on where it
was; to run keys again, fill in the form anew. DAGs of the product that were paused are unpaused
meanwhile and paused again by `end`, also where the run is marked failed.
"""


def replay_dag() -> DAG:
    """Return the DAG; it runs when somebody fills in its form, one run a product at a time."""
    with DAG(
        dag_id=REPLAY,
        description="A span of partitions, each brought to rest before the next",
        schedule=None,
        catchup=False,
        max_active_runs=16,
        # no dagrun_timeout: it would leave out `end`; each run that is waited for has its own
        is_paused_upon_creation=False,
        default_args={
            "owner": "mlfactory",
            # of all keys together: a worker that goes away costs one
            "retries": 10,
            "retry_policy": PaceOfTheError(),
            "retry_delay": timedelta(seconds=15),
            "execution_timeout": timedelta(hours=1),
            "weight_rule": "absolute",
            "priority_weight": PRIORITY["data"],
            "email_on_failure": False,
            "email_on_retry": False,
        },
        params=_params(),
        tags=["mlfactory"],
        doc_md=_DOC,
    ) as dag:
        begin = BeginReplay(task_id="begin")
        end = EndReplay(task_id="end")
        begin >> GoThrough(task_id="replay") >> end
        # a teardown runs whatever became of the replay, also where somebody marked it failed; what
        # the run is says the replay alone
        end.as_teardown(setups=begin)
    return dag


class BeginReplay(WithSchedulersCode):
    """Refuses what cannot be replayed; notes in lake and ledger that the rest is."""

    ui_color = "#e8f1f5"

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the replay."""
        params, run = dict(context["params"]), context["dag_run"]
        with _told(), own_airflow() as api:
            try:
                refuse_unknown_params(run.conf or {}, params)
                product = load_product(str(params["product"]))
                span = span_of(product, _key(params["first"]), _key(params["last"]))
                return asdict(_begun(api, product, span, context))
            except FactoryError as error:
                with suppress(FactoryError):
                    api.note(REPLAY, str(run.run_id), f"Not begun: {error}")
                raise


class GoThrough(WithSchedulersCode):
    """Takes key after key; while one comes to rest, it waits in Airflow's triggerer."""

    ui_color = "#e8f1f5"

    def execute(self, context: Context) -> dict[str, int]:
        """Begin with the first key, or where a try before this one was; return how many were."""
        from mlfactory.scheduler.chain import dag_ids

        replay = _replay(context)
        with _told(), own_airflow() as api:
            replay.work.go_on()
            for dag_id in dag_ids(replay.product).values():
                api.unpause(dag_id)
            return self._go_on(api, replay, 0, {})

    def resume(
        self, context: Context, event: dict[str, str], at: int, failed: dict[str, str]
    ) -> dict[str, int]:
        """Go on with a key that has come to rest, or tell why it has not."""
        replay = _replay(context)
        with _told(), own_airflow() as api:
            if event["problem"]:
                replay.show(api, f"Ended: {event['problem']}")
                raise AirflowFailException(
                    f"{event['problem']}\n  → mend that, and Clear the whole run, all three "
                    "tasks: it goes on there"
                )
            return self._go_on(api, replay, at, failed)

    def _go_on(
        self, api: AirflowApi, replay: Replay, at: int, failed: dict[str, str]
    ) -> dict[str, int]:
        """Take keys from the `at`-th on, as long as they are at rest; wait for one that is not."""
        # Airflow's triggers are not loaded where a task parses this to do something else
        from mlfactory.pipeline.resting import KeyAtRest
        from mlfactory.scheduler.looking import look_at

        span = span_of(load_product(replay.product), replay.first, replay.last)
        for place in range(at, len(span)):
            key = span[place].key
            replay.work.go_on()
            look = look_at(api, replay.product, replay.name, key)
            if not look.is_at_rest:
                # Airflow keeps the log of the last key's trigger alone
                self.log.info("%s waits for %s", key, look.awaits)
                so_far = _so_far(place, len(span), failed)
                self.defer(
                    trigger=KeyAtRest(asdict(replay), key, so_far),
                    method_name="resume",
                    kwargs={"at": place, "failed": failed},
                )
            if look.failed:
                failed = failed | {key: ", ".join(look.failed)}
            self._tell(api, key, look)
        replay.show(api, _so_far(len(span), len(span), failed))
        if failed:
            raise AirflowFailException(_so_far(len(span), len(span), failed))
        return {"keys": len(span)}

    def _tell(self, api: AirflowApi, key: str, look: Look) -> None:
        from mlfactory.scheduler.looking import failures

        runs = ", ".join(
            f"{part} {run.state} in {run.seconds:.1f} s" for part, run in look.chain.items()
        )
        self.log.info("%s has come to rest: %s", key, runs)
        for task, url in failures(api, look):
            self.log.warning("%s: %s failed in its task %s: %s", key, task.dag_id, task.name, url)


class EndReplay(WithSchedulersCode):
    """Leaves the DAGs as they were, and takes the note in the lake away."""

    ui_color = "#e8f1f5"

    def execute(self, context: Context) -> None:
        """Pause again what was paused when the replay began."""
        replay = _replay(context)
        with _told(), own_airflow() as api:
            for dag_id in replay.paused:
                api.pause(dag_id)
                self.log.info("%s was paused before and is again; unpause it for it to run", dag_id)
        replay.work.end()


def _begun(api: AirflowApi, product: Product, span: list[Partition], context: Context) -> Replay:
    """Note that a replay begins; a second try of it notes the same.

    Raises:
        UsageError: another one of the product is under way, or its DAGs are not there.
    """
    from mlfactory.lake import ledger
    from mlfactory.scheduler.chain import paused_again
    from mlfactory.scheduler.looking import refuse_without_dags

    run, params = context["dag_run"], context["params"]
    refuse_without_dags(api, product.name)
    own = hashlib.sha256(str(run.run_id).encode()).hexdigest()[:12]
    first, last = span[0].key, span[-1].key
    paused = paused_again(api, product)
    replay = Replay(product.name, own, str(run.run_id), first, last, paused)
    replay.work.begin()
    try:
        ledger.record(
            product.name,
            ledger.Entry(
                event="replay_requested",
                partition="",  # it decides about none
                subject=f"replay.{own}",
                why=str(params["why"]),
                who=getattr(run, "triggering_user_name", None) or "",
                details={"first": first, "last": last, "asked_by": str(run.run_id)},
            ),
        )
    except BaseException:
        replay.work.end()
        raise
    return replay


@contextmanager
def _told() -> Iterator[None]:
    """Raise an error of ours as Airflow is to take it: tried again only where that may help."""
    try:
        yield
    except FactoryError as error:
        again = TryAgain if heals_in_seconds(error) else AirflowFailException
        raise again(str(error)) from cause_of(error)


def _replay(context: Context) -> Replay:
    return Replay(**context["ti"].xcom_pull(task_ids="begin"))


def _so_far(done: int, of: int, failed: dict[str, str]) -> str:
    """Return in words how many keys have come to rest, and which failed."""
    words = f"{done} of {of} keys have come to rest."
    if not failed:
        return words
    named = [f"{key} ({parts})" for key, parts in list(failed.items())[:_NAMED]]
    more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    return f"{words} {len(failed)} failed: {', '.join(named)}{more}."


_NAMED = 20
"""Failed keys that are named; the others are counted, and are in the log."""


def _key(text: str | None) -> str | None:
    return (text or "").strip() or None


def _params() -> dict[str, Param]:
    key: dict[str, Any] = {"type": ["null", "string"], "maxLength": 40}
    return {
        "product": of_products("Whose partitions are replayed."),
        "first": Param(
            None,
            **key,
            title="From",
            description="Key of the first partition: its start, in UTC. A snapshot needs none.",
        ),
        "last": Param(
            None,
            **key,
            title="To",
            description="Key of the last partition, which is replayed as well. Both may be one.",
        ),
        "why": why(),
    }
