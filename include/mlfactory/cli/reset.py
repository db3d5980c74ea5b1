"""The command `reset`: a product starts over, or one of its sources does."""

from __future__ import annotations

import re
from collections.abc import Callable

from rich.console import Console

from mlfactory.cli.output import say
from mlfactory.lake.catalog import LEDGER, TRAININGS, raw, source_of
from mlfactory.lake.removal import (
    end_removal,
    held,
    is_table,
    remove_everything,
    remove_source,
)
from mlfactory.lake.removal_note import begin_removal, refuse_in_the_way, removal_under_way
from mlfactory.lake.store import product_store
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.product.loader import product_folders
from mlfactory.product.mistakes import nearest
from mlfactory.settings import settings

_NAME = re.compile(r"^[a-z][a-z0-9_]{1,47}$")
_PARTS = ("data", "score", "monitor", "train", "predict", "arrivals", "quarantine", "labels")
_OF_ALL = ("mlfactory.erase", "mlfactory.replay")
DAGS = (*_PARTS, *_OF_ALL)
"""Whose runs are at work on a product: how its own DAGs' names end, and those of all products."""

_UNITS = {LEDGER: "entries", TRAININGS: "files"}

Ask = Callable[[str], bool]
"""Asks a yes-or-no question."""


def reset_product(
    name: str, source: str | None, console: Console, ask: Ask, *, registry: bool, force: bool
) -> bool:
    """Say what would be removed, ask, and remove it; tell whether it was.

    The product's files need not be right, or there at all: only its name is used.

    Args:
        source: remove only what landed of this source.
        registry: remove its versions and runs from MLflow, too.
        force: do it although the product is being worked on, in Airflow or by a command.

    Raises:
        UsageError: if there is no such product or source, or it is being worked on.
        ServiceError: if MLflow does not answer.
    """
    parts = _parts(name)
    if source is not None:
        _refuse_unknown_source(name, source, parts)
    if not force:
        _refuse_active(name)
    refuse_in_the_way(name, source or "", force=force)
    if source is not None:
        return _reset_source(name, source, console, ask, force=force)
    return _reset_everything(name, parts, console, ask, registry=registry, force=force)


def _reset_everything(
    name: str,
    parts: dict[str, int],
    console: Console,
    ask: Ask,
    *,
    registry: bool,
    force: bool,
) -> bool:
    from mlfactory.registry.removal import drop_aliases, registered, remove_registered

    known, begun = registered(name), removal_under_way(name)
    if begun is not None:
        cut_off = f"an erasure from {name}" if begun.erasure else f"a reset of {name}"
        ends = "it ends with this reset" if begun.erasure else "this one goes on with it"
        say(console, f"{cut_off} was cut off; {ends}")
        registry = registry or begun.registry
    say(console, f"{product_store(name).address()}:" if parts else f"{name}: the lake has nothing")
    for part, count in sorted(parts.items()):
        kind = "table" if is_table(name, part) else f"{count:,} {_UNITS.get(part, 'files')}"
        say(console, f"  {part}: {kind}")
    if registry:
        say(console, f"MLflow: {known.versions} versions and {known.runs} runs of '{name}'")
    elif known.aliases:
        say(console, f"MLflow: the aliases {', '.join(known.aliases)}")
    kept = ["its files in " + str(settings().products / name), "Airflow's own record of runs"]
    if not registry and known.versions + known.runs:
        kept.append(f"{known.versions} versions and {known.runs} runs in MLflow (--registry)")
    say(console, f"not touched: {'; '.join(kept)}")
    if (
        begun is None
        and not parts
        and not known.aliases
        and not (registry and known.versions + known.runs)
    ):
        say(console, "nothing to remove")
        return True
    if not ask(f"Remove all of this of {name}?"):
        return False
    begin_removal(name, registry=registry, force=force)
    for _ in remove_everything(name):
        pass
    # the ledger is gone, so nobody serves
    drop_aliases(name)
    if registry:
        remove_registered(name)
    end_removal(name)
    say(console, f"{name} starts over: mlfactory run {name} …")
    return True


def _reset_source(name: str, source: str, console: Console, ask: Ask, *, force: bool) -> bool:
    say(console, f"{product_store(name).address(raw(source))}: all that landed of {source}")
    say(console, "not touched, but stale from then on: features, labels and all that is made of it")
    if not ask(f"Remove what landed of {name}.{source}?"):
        return False
    remove_source(name, source, force=force)
    say(console, f"land it anew: mlfactory run {name} FIRST --to LAST")
    return True


def _parts(name: str) -> dict[str, int]:
    names = [folder.name for folder in product_folders()]
    parts = held(name) if _NAME.match(name) else {}
    if name not in names and not parts and not (_NAME.match(name) and removal_under_way(name)):
        raise UsageError(
            f"there is no product '{name}', and nothing of one in the lake{nearest(name, names)}",
            remedy=f"there are {names}",
        )
    return parts


def _refuse_unknown_source(name: str, source: str, parts: dict[str, int]) -> None:
    landed = [found for part in parts if (found := source_of(part)) is not None]
    begun = removal_under_way(name)
    if source not in landed and (begun is None or begun.source != source):
        raise UsageError(
            f"nothing has landed of a source '{source}' of {name}{nearest(source, landed)}",
            remedy=f"there are {landed}",
        )


def _refuse_active(name: str) -> None:
    """Make sure that no run of the product is under way in the local Airflow, if that is up."""
    from mlfactory.cli import record
    from mlfactory.scheduler.api import AirflowApi
    from mlfactory.scheduler.login import airflow_login

    running = record.running(settings())
    if running is None or not running.has("airflow"):
        return
    try:
        with AirflowApi(running.airflow_url, *airflow_login(settings())) as airflow:
            found = airflow.active_runs([*(f"{name}.{part}" for part in _PARTS), *_OF_ALL])
    except ServiceError as error:
        raise UsageError(
            f"whether runs of {name} are under way cannot be told: {error.problem}",
            remedy="mlfactory down, or --force if you know that there are none",
        ) from error
    # those are of all products, each run of one
    active = [run for run in found if run.dag_id not in _OF_ALL or run.conf.get("product") == name]
    if active:
        told = ", ".join(f"{run.dag_id} {run.run_id}" for run in active[:5])
        raise UsageError(
            f"{len(active)} runs of {name} are under way in Airflow: {told}",
            remedy="let them end, or mark them as failed in Airflow's UI; --force does it at once",
        )
