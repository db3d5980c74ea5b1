"""What Airflow is doing about a gap already, and the run that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mlfactory.cycle.job import RECONCILED
from mlfactory.product.loader import Product
from mlfactory.reconcile.gaps import DATA, MONITOR, SCORE, TRAIN, WAITING, Gap
from mlfactory.scheduler.api import AirflowApi, DagRun

PARTS = (DATA, SCORE, MONITOR, TRAIN)


def seen_by_airflow(product: Product, gaps: Sequence[Gap], api: AirflowApi) -> list[Gap]:
    """Return the gaps that Airflow does nothing about yet, with what stands against mending them.

    A run that is queued on a paused DAG is added as a gap of its own: it waits for a person.
    """
    known = {part for part in PARTS if api.knows(_dag(product, part))}
    paused = {part for part in known if api.is_paused(_dag(product, part))}
    active = api.active_runs([_dag(product, part) for part in sorted(known)])
    under_way = {run.partition_key for run in active if _part(run) not in paused}
    found = [
        _with_hindrance(product, gap, api, known, paused)
        for gap in gaps
        if gap.key not in under_way
    ]
    for part in sorted(paused):
        waiting = [run for run in active if _part(run) == part]
        if waiting:
            keys = ", ".join(run.partition_key or run.run_id for run in waiting[:5])
            words = f"{len(waiting)} queued on {_dag(product, part)}, which is paused: {keys}"
            found.append(Gap(WAITING, "", "", words, hindrance="unpause it, or delete the runs"))
    return found


def trigger(product: Product, gap: Gap, api: AirflowApi) -> Gap:
    """Start the run that mends `gap` and return the gap with what was done."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    dag_id = _dag(product, gap.part)
    run = api.trigger(dag_id, gap.key, run_id=f"{RECONCILED}{gap.key}__{stamp}")
    return replace(gap, mended=f"started {dag_id} {run.run_id}")


def _with_hindrance(
    product: Product, gap: Gap, api: AirflowApi, known: set[str], paused: set[str]
) -> Gap:
    if not gap.can_be_mended:
        return gap
    dag_id = _dag(product, gap.part)
    if gap.part not in known:
        return gap.hindered(f"Airflow has no DAG {dag_id}: mlfactory check {product.name}")
    if gap.part in paused:
        return gap.hindered(f"{dag_id} is paused")
    runs = api.runs([dag_id], gap.key)
    if not runs:
        return gap
    last = runs[-1]
    where = f"{api.url}/dags/{dag_id}/runs/{last.run_id}"
    if last.state == "failed":
        return gap.hindered(f"its last run failed: {where}")
    if last.run_id.startswith(RECONCILED):
        return gap.hindered(f"it was run again, and that did not mend it: {where}")
    return gap


def _dag(product: Product, part: str) -> str:
    return f"{product.name}.{part}"


def _part(run: DagRun) -> str:
    return run.dag_id.rpartition(".")[2]
