"""The command `mlfactory upkeep`: what was done, or would be, as lines."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from mlfactory.cli.output import say
from mlfactory.product.errors import FactoryError, UsageError
from mlfactory.product.loader import product_folders
from mlfactory.product.mistakes import nearest
from mlfactory.scheduler.login import airflow_home
from mlfactory.settings import settings
from mlfactory.upkeep import keep_factory, keep_product


def do_upkeep(name: str | None, console: Console, *, dry_run: bool) -> bool:
    """Do the upkeep of one product, or of all and what they share; tell whether all went well.

    The products' files need not be right. One that cannot be looked after hides no other.

    Raises:
        UsageError: if there is no such product.
    """
    names = [folder.name for folder in product_folders()]
    if name is not None and name not in names:
        raise UsageError(
            f"there is no product '{name}'{nearest(name, names)}", remedy=f"there are {names}"
        )
    if dry_run:
        say(console, "dry run: nothing is changed", "bold")
    is_well = True
    for each in [name] if name else names:
        is_well = _told(each, keep_product(each, dry_run=dry_run), console) and is_well
    if name is None:
        logs = airflow_home(settings()) / "logs"
        is_well = _told("mlfactory", keep_factory(logs, dry_run=dry_run), console) and is_well
    return is_well


def _told(name: str, lines: Iterable[str], console: Console) -> bool:
    is_quiet = True
    try:
        for line in lines:
            is_quiet = False
            say(console, f"{name}: {line}")
    except FactoryError as error:
        say(console, f"{name}: {error}", "bold red")
        return False
    except Exception as error:
        # a file of ours that somebody edited must not keep the upkeep from the others
        say(console, f"{name}: {type(error).__name__}: {error}", "bold red")
        return False
    if is_quiet:
        say(console, f"{name}: nothing is old", "green")
    return True
