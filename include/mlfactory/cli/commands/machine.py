"""Airflow and MLflow on this machine."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

commands = typer.Typer()


@commands.command()
def up() -> None:
    """Start Airflow and MLflow on this machine, and tell where they are."""
    from mlfactory.cli.demo import tell_addresses
    from mlfactory.cli.output import say
    from mlfactory.cli.stack import up as start
    from mlfactory.settings import settings

    console = Console()
    tell_addresses(start(settings(), lambda line: say(console, line))[0], console)


@commands.command()
def down() -> None:
    """Stop what `mlfactory up` started."""
    from mlfactory.cli.output import say
    from mlfactory.cli.stack import down as stop
    from mlfactory.settings import settings

    console = Console()
    stop(settings(), lambda line: say(console, line))


@commands.command()
def demo(
    product: Annotated[
        str | None,
        typer.Option(help="Product to replay, alone; flight_delay and flight_cancelled if none."),
    ] = None,
    first: Annotated[str, typer.Option(help="Key of the first partition.")] = "2013-01-01",
    last: Annotated[str, typer.Option(help="Key of the last partition.")] = "2013-06-01",
    leave: Annotated[
        bool, typer.Option("--exit/--no-exit", help="Stop everything when the replay has ended.")
    ] = False,
) -> None:
    """Start the stack, let products live half a year in it, and show what became of them.

    Stays up until Ctrl-C, unless told to exit; exits with 1 if any run failed.
    """
    from mlfactory.cli.demo import run_demo
    from mlfactory.cycle.spans import span_of
    from mlfactory.product.loader import load_product

    found = load_product(product or "flight_delay")
    span = span_of(found, first, last)
    shown = (found, span[0], span[-1], Console())
    if not run_demo(*shown, leave=leave, with_airport=product is None):
        raise typer.Exit(1)
