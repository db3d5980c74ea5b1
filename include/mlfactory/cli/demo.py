"""The demonstration: the stack up, half a year replayed, what became of it, and where to look."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console

from mlfactory.cli import airport, correcting, record, stack
from mlfactory.cli.output import say
from mlfactory.cli.status import show_timeline
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.scheduler.login import airflow_home, airflow_login
from mlfactory.settings import settings

if TYPE_CHECKING:
    from mlfactory.cli.replay import KeyOutcome
    from mlfactory.scheduler.api import AirflowApi

_PATIENCE = 9.0
_A_RESTART = 180.0
"""Seconds: a server of Airflow, or its database, that is started again needs a minute or two, and
what a replay sent goes on meanwhile."""


def run_demo(
    product: Product,
    first: Partition,
    last: Partition,
    console: Console,
    *,
    leave: bool,
    with_airport: bool = False,
) -> bool:
    """Start the stack, replay a span, show the timeline; stay up until Ctrl-C unless `leave`.

    Args:
        with_airport: whether the second product is replayed too, with what it reads.

    Returns:
        Whether every run was a success.
    """
    started = time.monotonic()
    second = airport.bring_product(settings()) if with_airport else None
    more = [airport.airport(settings())] if with_airport else []
    running, is_ours = stack.up(settings(), lambda line: say(console, line), more)
    try:
        ok = replay_here(product, first, last, console, decide=correcting.decide(product, console))
        if second is not None:
            ok = _replay_second(second, running, console) and ok
        tell_addresses(running, console)
        say(console, f"the demonstration took {time.monotonic() - started:.0f} s")
        if not leave:
            say(console, "Ctrl-C stops everything" if is_ours else "Ctrl-C ends this")
            _until_interrupted()
    finally:
        if is_ours:
            stack.down(settings(), lambda line: say(console, line))
        else:
            say(console, "the stack was up before and stays up; mlfactory down stops it")
    return ok


def _replay_second(product: Product, running: record.Running, console: Console) -> bool:
    if airport.NAME not in running.addresses:
        say(
            console,
            f"{product.name} is left out: the stack was up before, without the airport that it "
            "reads; to see it: mlfactory down; mlfactory demo",
        )
        return True
    first, last = (product.calendar.parse(key) for key in (airport.FIRST, airport.LAST))
    say(console, f"and {product.name}: its timetable from a database, its labels late from an API")
    return replay_here(product, first, last, console)


def replay_here(
    product: Product,
    first: Partition,
    last: Partition,
    console: Console,
    *,
    to_finish: float = 3600.0,
    decide: Callable[[Partition], bool] | None = None,
) -> bool:
    """Replay a span through the local Airflow, then print the timeline.

    Args:
        decide: see `replay`.

    Returns:
        Whether every run was a success.

    Raises:
        ServiceError: if Airflow is not there, or something does not come in time.
    """
    from mlfactory.cli.replay import Patience, replay

    with connect(_A_RESTART, lambda line: say(console, line)) as api:
        api.wait_until_healthy()
        patience = Patience(to_finish=to_finish)
        outcomes = replay(product, first, last, api, console, patience, decide=decide)
    keys = [partition.key for partition in product.calendar.span(first, last)]
    show_timeline(product, console, keys=keys)
    _tell_outcome(outcomes, console)
    return all(outcome.is_ok for outcome in outcomes)


def connect(patience: float = _PATIENCE, say: Callable[[str], None] = lambda _: None) -> AirflowApi:
    """Return a client of the local Airflow, or of the one that the settings name.

    Args:
        patience: for how many seconds it is asked again where it fails; `say` is told of it.

    Raises:
        ServiceError: if there is no login to it.
    """
    from mlfactory.scheduler.api import AirflowApi

    running = record.running(settings())
    user, password = airflow_login(settings())
    url = running.airflow_url if running else settings().airflow_url
    return AirflowApi(url, user, password, patience=patience, say=say)


def tell_addresses(running: record.Running, console: Console) -> None:
    """Print where Airflow and MLflow are, and how to get in."""
    user, password = airflow_login(settings())
    lines = (
        f"Airflow  {running.airflow_url}  user {user}, password {password}",
        f"MLflow   {running.mlflow_url}",
        f"logs     {settings().home / 'logs'} and {airflow_home(settings()) / 'logs'}",
    )
    for line in lines:
        say(console, line)


def _tell_outcome(outcomes: list[KeyOutcome], console: Console) -> None:
    runs = [run for outcome in outcomes for run in outcome.runs.values()]
    bad = [run for run in runs if run.state != "success"]
    seconds = sum(outcome.seconds for outcome in outcomes)
    keys = {outcome.key for outcome in outcomes}
    partitions = f"{len(keys)} partition{'' if len(keys) == 1 else 's'}"
    say(
        console,
        f"{partitions}, {len(runs)} DAG runs, {len(bad)} failed, {seconds:.0f} s",
        "bold red" if bad else "bold green",
    )


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        return
