"""The command `mlfactory`: reads what was asked for and calls the function that does it.

What takes long to import is imported inside the commands, so that asking for help is quick.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from mlfactory.cli.commands import environments, keeping, machine, partitions, products
from mlfactory.cli.environment import leave_another_mlflow
from mlfactory.cli.server.commands import server


class _Group(TyperGroup):
    """Commands whose `FactoryError` is a message for the user, not a traceback."""

    def invoke(self, ctx: Any) -> Any:
        from pydantic import ValidationError

        from mlfactory.cli.output import say
        from mlfactory.product.errors import FactoryError
        from mlfactory.settings import without_login

        try:
            return super().invoke(ctx)
        except ValidationError as error:
            if ctx.params.get("debug") or error.title != "Settings":
                raise
            for mistake in error.errors():
                variable = f"MLFACTORY_{str(mistake['loc'][0]).upper()}"
                told = f"{variable}: {mistake['msg']}, got '{without_login(str(mistake['input']))}'"
                say(Console(stderr=True), told, "red")
            raise typer.Exit(1) from None
        except FactoryError as error:
            if ctx.params.get("debug"):
                raise
            say(Console(stderr=True), str(error), "red")
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
    machine.commands,
):
    app.add_typer(commands)
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
