"""How far a partition of a replay has come; whoever asks keeps nothing from one look to the next.

What was asked of Airflow is found there: the data run has an id that is made of the replay and the
key, so asking again starts no second run, and what follows it was queued after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mlfactory.product.errors import UsageError
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.chain import PARTS, awaited, dag_ids, state_of
from mlfactory.scheduler.runs import DagRun, TaskRun

_TO_APPEAR = timedelta(minutes=10)
"""By when a run has come that an event asked for: a busy scheduler needs a while, and an event that
comes to a paused DAG is lost."""


@dataclass(frozen=True)
class Look:
    """What was seen of a key.

    Attributes:
        chain: its runs by part, as far as they are there.
        awaits: what is waited for, in words; empty where the key has come to rest.
        problem: why that will not come, if it will not.
    """

    chain: Mapping[str, DagRun] = field(default_factory=dict)
    awaits: str = ""
    problem: str = ""

    @property
    def is_at_rest(self) -> bool:
        """Tell whether no run of the key is to come."""
        return not self.awaits

    @property
    def failed(self) -> list[str]:
        """Return the parts whose run failed."""
        return [part for part, run in self.chain.items() if run.is_over and run.state != "success"]


def data_run_id(replay: str, key: str) -> str:
    """Return the id of the data run of a key, in the replay of that name."""
    return f"replay__{key}__{replay}"


def refuse_without_dags(api: AirflowApi, product: str) -> None:
    """Make sure that Airflow has the DAGs that a partition passes through.

    Raises:
        UsageError: if it has not.
        ServiceError: if it does not answer.
    """
    missing = [dag for dag in dag_ids(product).values() if not api.knows(dag)]
    if missing:
        raise UsageError(
            f"Airflow at {api.url} has no DAG {', '.join(missing)}",
            remedy=f"see what is wrong with the product: mlfactory check {product}",
        )


def look_at(api: AirflowApi, product: str, replay: str, key: str) -> Look:
    """Return how far a key has come; ask for its data run once no other run of the product is left.

    Raises:
        UsageError, ServiceError: see `AirflowApi`.
    """
    ids, run_id = dag_ids(product), data_run_id(replay, key)
    runs = api.runs(list(ids.values()), key)
    data = next((run for run in runs if run.run_id == run_id), None)
    if data is None:
        # a run of before would keep ours in the queue, and be taken for one of ours
        if others := api.active_runs(list(ids.values())):
            return Look(awaits=_in_words(api, others[0].dag_id, others[0]))
        data = api.trigger(ids["data"], key, run_id=run_id)
    chain = _chain(data, runs)
    part = awaited(chain, _asks_for_training(api, chain.get("monitor")))
    if part is None:
        return Look(chain)
    run = chain.get(part)
    words, problem = _in_words(api, ids[part], run), ""
    if run is None and _is_overdue(chain, part):
        minutes = _TO_APPEAR.total_seconds() / 60
        problem = f"partition {key}: {words} did not come within {minutes:.0f} min"
    return Look(chain, words, problem)


def failures(api: AirflowApi, look: Look) -> list[tuple[TaskRun, str]]:
    """Return the tasks that failed, each with the address of its page."""
    runs = [look.chain[part] for part in look.failed]
    tasks = [task for run in runs for task in api.tasks(run) if task.state == "failed"]
    return [(task, api.task_url(task)) for task in tasks]


def _chain(data: DagRun, runs: Sequence[DagRun]) -> dict[str, DagRun]:
    """Return the newest run of each part that the data run has caused, in the order of parts."""
    since = data.queued_at or data.start
    newest = {data.dag_id: data}
    for run in runs:
        queued = run.queued_at or run.start
        if run.dag_id != data.dag_id and since and queued and queued >= since:
            newest[run.dag_id] = run
    of_part = {part: f"{data.dag_id.rpartition('.')[0]}.{part}" for part in PARTS}
    return {part: newest[dag] for part, dag in of_part.items() if dag in newest}


def _asks_for_training(api: AirflowApi, monitor: DagRun | None) -> str | None:
    if monitor is None or monitor.state != "success":
        return None
    return state_of(api.tasks(monitor), "retrain")


def _in_words(api: AirflowApi, dag_id: str, run: DagRun | None) -> str:
    what = f"{dag_id} {run.run_id}, which is {run.state}" if run else f"a run of {dag_id}"
    if (run is None or run.state == "queued") and api.is_paused(dag_id):
        return f"{what}; {dag_id} is paused: unpause it"
    return what


def _is_overdue(chain: Mapping[str, DagRun], part: str) -> bool:
    """Tell whether the run of a part should be there by now, after the end of the one before."""
    before = chain.get(PARTS[PARTS.index(part) - 1])
    end = before.end if before else None
    return end is not None and datetime.now(UTC) - end > _TO_APPEAR
