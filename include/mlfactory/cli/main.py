"""The command `mlfactory`: reads what was asked for and calls the function that does it.

What takes long to import is imported inside the commands, so that asking for help is quick.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from mlfactory.cli.commands import (
    environments,
    erasing,
    keeping,
    machine,
    partitions,
    products,
)
from mlfactory.cli.commands.data import data
from mlfactory.cli.commands.labels import labels
from mlfactory.cli.commands.quarantine import quarantine
from mlfactory.cli.environment import leave_another_mlflow
from mlfactory.cli.server.commands import server


class _Group(TyperGroup):
    """Commands whose errors are messages for the user, not tracebacks."""

    def invoke(self, ctx: Any) -> Any:
        from mlfactory.cli.output import say
        from mlfactory.cli.told import told

        try:
            return super().invoke(ctx)
        except Exception as error:
            message = None if ctx.params.get("debug") else told(error)
            if message is None:
                raise
            say(Console(stderr=True), message, "red")
            raise typer.Exit(1) from None


app = typer.Typer(
    name="mlfactory",
    help="ML Factory: products that are fed, checked, gated, watched and retrained.",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for commands in (
    products.commands,
    partitions.commands,
    environments.commands,
    keeping.commands,
    erasing.commands,
    machine.commands,
):
    app.add_typer(commands)
app.add_typer(data, name="data")
app.add_typer(quarantine, name="quarantine")
app.add_typer(labels, name="labels")
app.add_typer(server, name="server")


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the log, and the traceback of an error.")
    ] = False,
) -> None:
    leave_another_mlflow()
    logging.basicConfig(
        level=logging.INFO if debug else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
    )
    if not debug:
        # hints that libraries give to programmers
        logging.getLogger("py.warnings").setLevel(logging.ERROR)
