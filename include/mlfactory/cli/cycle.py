"""The cycle of a partition in this process: the functions that the DAGs call, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.text import Text

from mlfactory.cli.output import say
from mlfactory.cycle.job import BY_HAND, Budget, Job
from mlfactory.cycle.run import run_stages
from mlfactory.cycle.spans import span_in_words
from mlfactory.cycle.steps import STAGES
from mlfactory.cycle.training_ids import new_training_id
from mlfactory.lake.at_work import at_work
from mlfactory.lake.catalog import TRAININGS
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.staleness import stale_runs
from mlfactory.lake.store import product_store
from mlfactory.product.errors import FactoryError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.mistakes import nearest
from mlfactory.product.partitions import Partition

_NO_FIGURES = frozenset({"page", "report", "run_id", "model_uri", "versions"})
"""Fields of results that are addresses, of no use in a line."""


def run_partitions(
    product: Product,
    partitions: Sequence[Partition],
    stages: Sequence[str],
    budget: Budget,
    console: Console,
    *,
    renew: bool = False,
    downstream: bool = False,
) -> None:
    """Run the given stages of each partition, the whole cycle if none are given.

    The whole cycle trains and promotes only if the stage retrain asks for it.

    Args:
        renew: read registers anew instead of keeping them as they were seen.
        downstream: then run again what is stale, see `run_stale`.

    Raises:
        UsageError: if there is no such stage or candidate, no training to promote, or registers are
            to be renewed without the stage ingest.
        FactoryError: whatever a stage raises; what comes after it is not run.
    """
    _refuse_unknown_stages(stages)
    _refuse_other_candidates(budget.candidates or (), product.spec.candidates)
    if renew and stages and "ingest" not in stages:
        raise UsageError(
            "--renew is about the stage ingest, which is not among those to run",
            remedy="add --stage ingest",
        )
    if "train" in stages and not budget.reason:
        budget = replace(budget, reason=BY_HAND)
    if not stages or "train" in stages:
        _end_abandoned(product, console)
    what = f"mlfactory run of {span_in_words(partitions[0], partitions[-1])}"
    with at_work(product.name, what, first=partitions[0].key) as go_on:
        for partition in partitions:
            go_on()
            _run_partition(product, partition, stages, budget, console, renew=renew)
        if downstream:
            go_on()
            run_stale(product, console)


def _run_partition(
    product: Product,
    partition: Partition,
    stages: Sequence[str],
    budget: Budget,
    console: Console,
    *,
    renew: bool,
) -> None:
    training = new_training_id(partition)
    if "promote" in stages and "train" not in stages:
        training = newest_training(product, partition)
    job = Job(product, partition, training, budget=budget, renew=renew)
    if not stages:
        _run(job, STAGES, console)
    for stage in (name for name in STAGES if name in stages):
        # one at a time: what is asked for by name is run whatever the one before it says
        _run(job, [stage], console)


def run_stale(product: Product, console: Console) -> None:
    """Run again every stage run that read something which has been replaced since.

    Nothing else begins one of them meanwhile, for it is noted where the oldest of them is. A
    partition whose stage fails is left there; the others are run all the same.

    Raises:
        FactoryError: in the end, with every stage that failed.
    """
    again: set[tuple[str, str]] = set()
    failed: dict[str, str] = {}
    while stale := [
        run
        for run in stale_runs(product)
        if (run.stage, run.key) not in again and run.key not in failed
    ]:
        oldest = min(run.key for run in stale)
        what = f"mlfactory run of what is stale from {oldest}"
        with at_work(product.name, what, first=oldest) as go_on:
            for run in stale:
                go_on()
                again.add((run.stage, run.key))
                if run.key in failed:
                    continue
                try:
                    _run(Job(product, product.calendar.parse(run.key)), [run.stage], console)
                except FactoryError as error:
                    failed[run.key] = f"{run.key} {run.stage}: {error}"
                    say(console, failed[run.key], "red")
    if failed:
        raise FactoryError(
            f"{product.name}: {len(failed)} of {len({key for _, key in again})} stale partitions "
            "failed and stay stale:\n  " + "\n  ".join(failed.values()),
            remedy=f"mend them, then: mlfactory run {product.name} {min(failed)} --downstream",
        )
    if not again:
        say(console, f"{product.name}: nothing is stale")


def newest_training(product: Product, partition: Partition) -> str:
    """Return the id of the newest training of `partition` that got as far as a fitted model.

    Raises:
        UsageError: if there is none.
    """
    begin, end = f"{_file_safe(partition)}.", "/fit.json"
    fitted = [
        name.removesuffix(end)
        for name in product_store(product.name).below(TRAININGS).list()
        if name.startswith(begin) and name.endswith(end)
    ]
    if not fitted:
        raise UsageError(
            f"product {product.name} has no fitted training of partition {partition}",
            remedy=f"mlfactory run {product.name} {partition} --stage train",
        )
    return max(
        fitted, key=lambda name: str(read_manifest(product.name, "fit", name).get("started_at", ""))
    )


def figures(result: Mapping[str, Any]) -> str:
    """Return the figures of a stage's result as one line, such as `rows 26,483, state ok`."""
    return ", ".join(
        f"{name} {_figure(value)}"
        for name, value in result.items()
        if name not in _NO_FIGURES and value not in (None, "", (), [], {})
    )


def _end_abandoned(product: Product, console: Console) -> None:
    from mlfactory.registry.abandoned import end_abandoned

    ended = end_abandoned(product.name)
    if ended:
        say(console, f"{product.name}: {ended} MLflow runs of a killed command were ended")


def _figure(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_figure(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return " ".join(_figure(inner) for inner in value)
    return str(value)


def _run(job: Job, stages: Iterable[str], console: Console) -> None:
    for step, done, seconds in run_stages(job, stages):
        told = figures(done.result)
        if not told:
            continue
        line = Text(f"{job.partition}  ")
        line.append(f"{step:<9}", style="bold")
        line.append(f"{seconds:>6.1f} s  {told}")
        say(console, line)


def _refuse_unknown_stages(given: Sequence[str]) -> None:
    for name in given:
        if name not in STAGES:
            raise UsageError(
                f"there is no stage '{name}'{nearest(name, list(STAGES))}",
                remedy=f"there are {list(STAGES)}",
            )


def _refuse_other_candidates(given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise UsageError(
                f"'{name}' is not among train.candidates of product.yaml, which has "
                f"{list(known)}{nearest(name, known)}",
                remedy="choose among these, or add it to train.candidates",
            )


def _file_safe(partition: Partition) -> str:
    return partition.key.replace(":", "-")
