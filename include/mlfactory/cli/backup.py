"""The commands `mlfactory backup` and `mlfactory restore`."""

from __future__ import annotations

import httpx
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from mlfactory.backup import restore, save
from mlfactory.cli import record
from mlfactory.cli.demo import connect
from mlfactory.cli.output import say
from mlfactory.cli.own_stack import known_stack
from mlfactory.lake.addresses import one_spelling
from mlfactory.lake.deployed import RUNS
from mlfactory.product.errors import FactoryError, UsageError
from mlfactory.settings import Address, settings, without_login

_SECONDS = 5.0


def back_up(address: str, console: Console) -> None:
    """Copy the whole factory to an address, and say what came of it.

    Raises:
        FactoryError: see `backup.save`.
    """
    save(_absolute(address), lambda line: say(console, line), airflow=_of_airflow(console))


def put_back(address: str, console: Console, *, replace: bool, force: bool = False) -> None:
    """Make this factory what it was when a backup was made, and say what is left to do.

    Args:
        replace: see `backup.restore`, likewise `force`.

    Raises:
        UsageError: the stack of this home is up, or the Airflow that the settings name.
        FactoryError: see `backup.restore`.
    """
    if record.running(settings()) is not None:
        raise UsageError("Airflow of this home is up", remedy="mlfactory down")
    _refuse_beneath_airflow()
    restore(
        _absolute(address),
        lambda line: say(console, line),
        replace=replace,
        force=force,
        stack=known_stack(settings()),
    )


def _refuse_beneath_airflow() -> None:
    """Make sure that the Airflow is down that the settings name, whoever started it."""
    url = settings().airflow_address
    if url is None:
        return
    try:
        httpx.get(f"{url}/api/v2/monitor/health", timeout=_SECONDS)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise UsageError(
            f"whether Airflow is up cannot be asked at {without_login(url)}: {error}",
            remedy="correct MLFACTORY_AIRFLOW_ADDRESS, or unset it",
        ) from None
    except httpx.HTTPError:
        pass  # one that is busy, or breaks off, is up
    raise UsageError(
        f"Airflow is up at {without_login(url)}, and would run tasks on what is restored",
        remedy="stop all of it but the databases and the store, such as by docker compose stop",
    )


def _of_airflow(console: Console) -> dict[str, list[str]]:
    """Return the names of Airflow's connections and variables, none where it cannot be asked."""
    running = record.running(settings())
    # on a server it is where the settings say
    is_here = running.has("airflow") if running else settings().airflow_address is not None
    if not is_here:
        say(console, "Airflow is not up here: which connections and variables it has is not in it")
        return {}
    try:
        with connect() as api:
            # the scheduler writes that one as it starts
            variables = [name for name in api.variables() if name != RUNS]
            return {"connections": api.connections(), "variables": variables}
    except FactoryError as error:
        say(console, f"Airflow's connections and variables are not in it: {error}", "yellow")
        return {}


def _absolute(address: str) -> str:
    """Return a place on S3, or the path by which a folder is told from all others."""
    try:
        return one_spelling(TypeAdapter(Address).validate_python(address))
    except ValidationError as error:
        raise UsageError(str(error.errors()[0]["msg"])) from None
