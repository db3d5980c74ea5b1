"""Replay a span of partitions through the running Airflow, key after key.

A key has come to rest when every run that it causes is over: the data run, the score and monitor
runs that follow it, and the training where the policy asks for one. Only then comes the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.console import Console

from mlfactory.cli.output import say
from mlfactory.cli.progress import Progress
from mlfactory.cycle.spans import span_in_words
from mlfactory.lake.at_work import at_work
from mlfactory.lake.removal_note import refuse_half_removed
from mlfactory.lake.restore_note import refuse_half_restored
from mlfactory.product.errors import FactoryError, ServiceError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.asking import ask_for_data
from mlfactory.scheduler.chain import awaited, dag_ids, paused_again, state_of
from mlfactory.scheduler.runs import DagRun, TaskRun

_POLL_SECONDS = 0.5
_SECONDS_BETWEEN_HEARTBEATS = 15.0
_BELIEVED = timedelta(minutes=10)
"""How long another machine believes that a replay goes on of which it hears nothing."""


@dataclass(frozen=True)
class Patience:
    """How many seconds a replay waits.

    Attributes:
        to_appear: for a DAG or run to appear.
        to_finish: for a run to be over.
        for_scheduler: for a sign of life of the scheduler.
    """

    to_appear: float = 120.0
    to_finish: float = 3600.0
    for_scheduler: float = 90.0


@dataclass(frozen=True)
class FailedTask:
    """A task that failed, where it is shown, and the end of its log."""

    task: TaskRun
    url: str
    log: tuple[str, ...]


@dataclass(frozen=True)
class KeyOutcome:
    """What became of one key: the run of each DAG that it passed through, and what failed."""

    key: str
    runs: Mapping[str, DagRun]
    failed: tuple[FailedTask, ...]
    seconds: float

    @property
    def is_ok(self) -> bool:
        """Tell whether every run was a success; a skipped task is none the worse."""
        return all(run.state == "success" for run in self.runs.values())


def replay(
    product: Product,
    first: Partition,
    last: Partition,
    api: AirflowApi,
    console: Console,
    patience: Patience | None = None,
    *,
    decide: Callable[[Partition], bool] | None = None,
) -> list[KeyOutcome]:
    """Send every partition from `first` to `last` through Airflow and return what became of each.

    A key whose run failed does not keep the next from running. DAGs that were paused before are
    paused again, also where the replay is cut off; but the data's of a product whose time has
    ended, which has no schedule to keep off.

    Args:
        decide: called with each partition that has come to rest without a failure, before the next
            one is sent. Where it decided about rows in quarantine it returns True: then the key's
            data is validated and prepared anew, without landing it, and has an outcome more.

    Raises:
        UsageError: if Airflow does not have the product's DAGs, or another replay of it is under
            way.
        ServiceError: if Airflow goes away, or a run does not come or end in time.
    """
    follower = _Follower(product.name, api, console, patience or Patience())
    follower.wait_for_dags()
    # between two keys nothing of it is under way in Airflow
    what = f"mlfactory replay of {span_in_words(first, last)}"
    with (
        at_work(
            product.name, what, first=first.key, believed=_BELIEVED, alone=True
        ) as follower.go_on,
        _unshut(product.name),
        _opened(follower, product),
    ):
        outcomes = []
        for partition in product.calendar.span(first, last):
            outcomes.append(follower.follow(partition.key))
            if decide is not None and outcomes[-1].is_ok and decide(partition):
                outcomes.append(follower.follow(partition.key, anew=True))
        return outcomes


@contextmanager
def _unshut(product: str) -> Iterator[None]:
    """Make sure, once the replay is noted, that no removal or restore is in its way."""
    refuse_half_removed(product)
    refuse_half_restored()
    yield


@contextmanager
def _opened(follower: _Follower, product: Product) -> Iterator[None]:
    """Unpause the DAGs, and in the end pause those again that are to be."""
    api, console = follower.api, follower.console
    shut = paused_again(api, product)
    try:
        follower.open_dags()
        yield
    finally:
        for dag_id in shut:
            try:
                api.pause(dag_id)
            except FactoryError as error:
                # what ended the replay is told as well, and must not be hidden by this
                say(console, f"{dag_id} was paused before and could not be again: {error}", "red")
            else:
                say(console, f"{dag_id} was paused before and is again; unpause it for it to run")


class _Follower:
    def __init__(self, product: str, api: AirflowApi, console: Console, patience: Patience) -> None:
        self.product = product
        self.api = api
        self.console = console
        self.patience = patience
        self.asked_scheduler = time.monotonic()
        self.go_on: Callable[[], None] = lambda: None
        self.dag_ids = dag_ids(product)

    def wait_for_dags(self) -> None:
        """Wait until Airflow has parsed the DAGs."""
        self._wait(self._dags_are_known, self.patience.to_appear, self._missing_dags)

    def open_dags(self) -> None:
        """Unpause the DAGs. Runs that were queued meanwhile start then, and are waited for."""
        for run in self.api.active_runs(list(self.dag_ids.values())):
            say(self.console, f"waiting for {run.dag_id} {run.run_id}, which is {run.state}")
        for dag_id in self.dag_ids.values():
            self.api.unpause(dag_id)

    def follow(self, key: str, *, anew: bool = False) -> KeyOutcome:
        """Trigger the data run of `key` and wait until the key has come to rest.

        Args:
            anew: from what has landed, for something was decided about its rows.
        """
        self._tell_that_it_goes_on()
        ids = list(self.dag_ids.values())
        # a run of before would be taken for one of ours, or keep ours in the queue
        self._wait(
            lambda: not self.api.active_runs(ids), self.patience.to_finish, self._still_running
        )
        known = {run.run_id for run in self.api.runs(ids, key)}
        started = time.monotonic()
        data = ask_for_data(self.api, self.product, key) if anew else self._land(key)
        with Progress(self.console, key) as progress:
            chain = self._until_at_rest(key, data, known, progress)
        failed = [run for run in chain.values() if run.state != "success"]
        outcome = KeyOutcome(
            key=key,
            runs=chain,
            failed=tuple(task for run in failed for task in self._failed_tasks(run)),
            seconds=time.monotonic() - started,
        )
        _tell_failures(self.console, outcome)
        return outcome

    def _land(self, key: str) -> DagRun:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        return self.api.trigger(self.dag_ids["data"], key, run_id=f"replay__{key}__{stamp}")

    def _until_at_rest(
        self, key: str, data: DagRun, known: set[str], progress: Progress
    ) -> dict[str, DagRun]:
        retrain_state: str | None = None
        told: set[str] = set()
        since = time.monotonic()
        while True:
            chain = self._chain(key, data, known)
            for part, run in chain.items():
                if run.is_over and part not in told:
                    told.add(part)
                    since = time.monotonic()
                    tasks = self.api.tasks(run)
                    progress.finished(part, run, tasks)
                    if part == "monitor":
                        retrain_state = state_of(tasks, "retrain")
            part_awaited = awaited(chain, retrain_state)
            if part_awaited is None:
                return chain
            running = chain.get(part_awaited)
            if progress.is_live:
                tasks = self.api.tasks(running) if running and running.state == "running" else []
                progress.waiting(part_awaited, running, tasks)
            self._check_patience(key, part_awaited, running, time.monotonic() - since)
            self._check_scheduler()
            time.sleep(_POLL_SECONDS)

    def _chain(self, key: str, data: DagRun, known: set[str]) -> dict[str, DagRun]:
        newest = {
            run.dag_id: run
            for run in self.api.runs(list(self.dag_ids.values()), key)
            if run.run_id not in known
        }
        newest.setdefault(data.dag_id, data)
        return {part: newest[dag] for part, dag in self.dag_ids.items() if dag in newest}

    def _check_patience(self, key: str, part: str, run: DagRun | None, waited: float) -> None:
        dag_id = self.dag_ids[part]
        if run is None and waited > self.patience.to_appear:
            raise ServiceError(
                f"partition {key}: no run of {dag_id} came within {self.patience.to_appear:.0f} s",
                remedy=f"look at the asset events and the scheduler: {self.api.url}/dags/{dag_id}",
            )
        if run is not None and waited > self.patience.to_finish:
            raise ServiceError(
                f"partition {key}: the run {run.run_id} of {dag_id} is still {run.state} after "
                f"{self.patience.to_finish:.0f} s",
                remedy=f"look at it: {self.api.url}/dags/{dag_id}/runs/{run.run_id}",
            )

    def _check_scheduler(self) -> None:
        """Raise if the scheduler is dead, though its Airflow answers; asked now and then.

        Then it is also told anew that the replay goes on.
        """
        if time.monotonic() - self.asked_scheduler < _SECONDS_BETWEEN_HEARTBEATS:
            return
        self.asked_scheduler = time.monotonic()
        self._tell_that_it_goes_on()
        silence = self.api.scheduler_silence()
        if silence > self.patience.for_scheduler:
            raise ServiceError(
                f"the scheduler of Airflow at {self.api.url} has not been heard of for "
                f"{silence:,.0f} s",
                remedy="start it again: mlfactory down; mlfactory up; then give the command again",
            )

    def _tell_that_it_goes_on(self) -> None:
        """Tell it anew; raise if a reset has removed what was replayed so far."""
        with suppress(ServiceError):
            # a lake that is away for a moment must not end it: it is told again soon
            self.go_on()

    def _failed_tasks(self, run: DagRun) -> list[FailedTask]:
        return [
            FailedTask(task, self.api.task_url(task), tuple(self.api.log_tail(task)))
            for task in self.api.tasks(run)
            if task.state == "failed"
        ]

    def _dags_are_known(self) -> bool:
        return all(self.api.knows(dag_id) for dag_id in self.dag_ids.values())

    def _missing_dags(self) -> Exception:
        missing = [dag_id for dag_id in self.dag_ids.values() if not self.api.knows(dag_id)]
        broken = [f"\n  {found.file}: {found.reason}" for found in self.api.import_errors()]
        return UsageError(
            f"Airflow at {self.api.url} has no DAG {', '.join(missing)}{''.join(broken)}",
            remedy="see what is wrong with the product: mlfactory check",
        )

    def _still_running(self) -> Exception:
        runs = self.api.active_runs(list(self.dag_ids.values()))
        return ServiceError(
            "other runs of the product did not end in "
            f"{self.patience.to_finish:.0f} s: {', '.join(f'{r.dag_id} {r.run_id}' for r in runs)}",
            remedy=f"look at them: {self.api.url}/dag_runs",
        )

    def _wait(
        self, ready: Callable[[], bool], seconds: float, too_late: Callable[[], Exception]
    ) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                raise too_late()
            self._check_scheduler()
            time.sleep(_POLL_SECONDS)


def _tell_failures(console: Console, outcome: KeyOutcome) -> None:
    for failure in outcome.failed:
        task = failure.task
        say(
            console,
            f"{outcome.key}: {task.dag_id} failed in its task {task.name}: {failure.url}",
            "bold red",
        )
        for line in failure.log:
            say(console, f"    {line}", "dim")
