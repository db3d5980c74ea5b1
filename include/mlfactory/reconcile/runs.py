"""What Airflow is doing about a gap already, and the run that mends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mlfactory.cycle.job import RECONCILED
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import SNAPSHOT
from mlfactory.reconcile.chain import keys_done
from mlfactory.reconcile.gaps import DATA, LATE, MISSING, PARTS, WAITING, Gap
from mlfactory.reconcile.lacking import never_landed, not_begun
from mlfactory.reconcile.pace import hindering, next_try
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.asking import land
from mlfactory.scheduler.runs import DagRun

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def seen_by_airflow(
    product: Product, gaps: Sequence[Gap], api: AirflowApi, now: datetime
) -> list[Gap]:
    """Return the gaps that Airflow does nothing about yet, with what stands against mending them.

    What only Airflow knows is added: partitions whose first landing failed, of which the lake has
    nothing, what is due of a product that is switched on and never began, and runs that are queued
    on a paused DAG, which wait for a person.
    """
    known = {part for part in PARTS if api.knows(_dag(product, part))}
    paused = {part for part in known if api.is_paused(_dag(product, part))}
    active = api.active_runs([_dag(product, part) for part in sorted(known)])
    moving = [run for run in active if _part(run) not in paused]
    under_way = {_key(product, run) for run in moving}
    look = _Look(product, api, known, paused, moving, now)
    found = [look.judged(gap) for gap in gaps if gap.key not in under_way]
    begins = not_begun(product, now) if not gaps and look.is_on else []
    found += [look.judged(gap) for gap in begins if gap.key not in under_way]
    missing = {gap.key for gap in (*gaps, *begins) if gap.kind in (MISSING, LATE)}
    missing |= under_way
    found += [look.judged(gap) for gap in _never_landed(look, missing)]
    return [*found, *_waiting(product, active, paused)]


def trigger(product: Product, gap: Gap, api: AirflowApi) -> Gap:
    """Start the run that mends `gap` and return the gap with what was done."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    dag_id = _dag(product, gap.part)
    run_id = f"{RECONCILED}{gap.key}__{stamp}"
    if gap.kind == LATE:
        run = land(api, product.name, gap.key, arrived=gap.words, run_id=run_id)
    else:
        conf = {"land": False} if gap.part == DATA and gap.landed else {}
        run = api.trigger(dag_id, gap.key, run_id=run_id, conf=conf)
    return replace(gap, mended=f"started {dag_id} {run.run_id}")


class _Look:
    """What is known of a product's DAGs at one look."""

    def __init__(
        self,
        product: Product,
        api: AirflowApi,
        known: set[str],
        paused: set[str],
        moving: Sequence[DagRun],
        now: datetime,
    ) -> None:
        self.product, self.api, self.now = product, api, now
        self.known, self.paused = known, paused
        self.moving = moving
        self.is_on = DATA in known and DATA not in paused

    def judged(self, gap: Gap) -> Gap:
        """Return the gap with what stands against mending it, if anything does."""
        if not gap.can_be_mended:
            return gap
        dag_id = _dag(self.product, gap.part)
        if gap.part not in self.known:
            return gap.hindered(f"Airflow has no DAG {dag_id}: mlfactory check {self.product.name}")
        if gap.part in self.paused:
            return gap.hindered(f"{dag_id} is paused")
        before = self._run_before(gap)
        if before is not None:
            return gap.hindered(f"waits for {before.dag_id} {before.run_id}, which is under way")
        return self._paced(gap, dag_id)

    def runs(self, dag_id: str, key: str) -> list[DagRun]:
        """Return the runs of a DAG for a partition, oldest first."""
        found = self.api.runs([dag_id], key)
        if self.product.calendar.is_snapshot:
            found += self.api.runs([dag_id], None)
            found.sort(key=lambda run: run.queued_at or _LONG_AGO)
        return found

    def _run_before(self, gap: Gap) -> DagRun | None:
        """Return a run that a missing partition waits for, None if there is none.

        Whatever is done about an older one comes first, its training too: this one stands on it.
        Every run ends, at its DAG's timeout at last; those on a paused DAG are not waited for.
        """
        if gap.kind != MISSING:
            return None
        older = (run for run in self.moving if "" < _key(self.product, run) < gap.key)
        return next(older, None)

    def _paced(self, gap: Gap, dag_id: str) -> Gap:
        """Return the gap hindered where its mending was tried too short a while ago."""
        tries = hindering(self.runs(dag_id, gap.key))
        if not tries:
            return gap
        last = tries[-1]
        where = f"{self.api.url}/dags/{dag_id}/runs/{last.run_id}"
        why = "its last run failed" if last.state == "failed" else "a run did not mend it"
        told = replace(gap.with_words(f"{why}: {where}"), failed=True)
        again = next_try(tries)
        if again is None or again <= self.now:
            return told
        return told.hindered(f"tried again after {again:%Y-%m-%d %H:%M} UTC")


def _never_landed(look: _Look, seen: set[str]) -> Iterator[Gap]:
    """Give the partitions that no run has landed yet, though one has tried to."""
    if DATA not in look.known:
        return
    product, dag_id = look.product, _dag(look.product, DATA)
    failed = {_key(product, run) for run in look.api.failed_runs(dag_id)}
    for key in sorted(failed - seen - set(keys_done(product, "ingest"))):
        runs = look.runs(dag_id, key)
        if _is_over(product, key, look.now) and runs and runs[-1].state == "failed":
            yield never_landed(product, key, "it never came to be landed", look.now)


def _waiting(product: Product, active: Sequence[DagRun], paused: set[str]) -> Iterator[Gap]:
    for part in sorted(paused):
        waiting = [run for run in active if _part(run) == part]
        if waiting:
            keys = ", ".join(run.partition_key or run.run_id for run in waiting[:5])
            words = f"{len(waiting)} queued on {_dag(product, part)}, which is paused: {keys}"
            yield Gap(WAITING, "", part, words, hindrance="unpause it, or delete the runs")


def _is_over(product: Product, key: str, now: datetime) -> bool:
    try:
        return product.calendar.is_over(product.calendar.parse(key), now)
    except UsageError:
        # a person asked for what is no partition, and was told so
        return False


def _key(product: Product, run: DagRun) -> str:
    """Return the partition of a run; of a snapshot's, which may be given without, its only one."""
    return run.partition_key or (SNAPSHOT if product.calendar.is_snapshot else "")


def _dag(product: Product, part: str) -> str:
    return f"{product.name}.{part}"


def _part(run: DagRun) -> str:
    return run.dag_id.rpartition(".")[2]
