"""Between environments, and whether this one is well."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlfactory.cli.commands.arguments import ProductName

commands = typer.Typer()


@commands.command()
def release(
    product: ProductName,
    to: Annotated[
        str, typer.Option("--to", metavar="ENV", help="Environment that the version goes to.")
    ],
    version: Annotated[
        str | None, typer.Option("--version", help="Version of the model; the champion by default.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Although something newer was decided there.")
    ] = False,
) -> None:
    """Copy a version that was promoted here to another environment, and promote it there.

    With its files, their digest, its gates and where it comes from; nothing is trained. Killed in
    the middle, run it again.
    """
    from mlfactory.cli.output import say
    from mlfactory.product.loader import load_product
    from mlfactory.release import release as bring
    from mlfactory.settings import Settings, settings

    target = Settings(env=to, environments=settings().environments)
    done = bring(load_product(product), version, target, force=force)
    word = "serves already" if done.again else "now serves"
    say(
        Console(),
        f"{product}: version {done.came_as} of {done.source} {word} in {to} as version "
        f"{done.version} (training {done.training_id}, digest {done.digest[:16]}…)",
    )


@commands.command()
def rehearse(
    product: ProductName,
    against: Annotated[
        str, typer.Option("--against", metavar="ENV", help="Environment whose rows are taken.")
    ],
    last: Annotated[int, typer.Option(min=1, help="How many of its newest partitions.")] = 60,
    trials: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Settings a training tries in all.")
    ] = None,
    seconds: Annotated[
        int | None, typer.Option(min=1, max=86400, help="Seconds a training's search may take.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Markdown file to write, for a pull request.")
    ] = None,
) -> None:
    """Train the product as it is here on another environment's rows, and compare with its champion.

    That environment is read and never written; this one must be an empty place, such as
    MLFACTORY_HOME=$(mktemp -d). Nobody is promoted. Exits with 0 also where the gates would not
    promote it: what is worse may be meant; with 1 where there is nothing to compare.
    """
    from mlfactory.cli.output import say
    from mlfactory.product.loader import load_product
    from mlfactory.rehearse import rehearse as try_out
    from mlfactory.settings import Settings, settings

    if out is not None:
        # before the hours that a training may take
        _refuse_unwritable(out)
    other, console = Settings(env=against, environments=settings().environments), Console()
    found = try_out(
        load_product(product),
        other,
        last=last,
        trials=trials,
        seconds=seconds,
        say=lambda line: say(console, line),
    )
    say(console, found.markdown)
    if out is not None:
        out.write_text(found.markdown, encoding="utf-8")


@commands.command()
def doctor() -> None:
    """Tell whether everything that the settings name answers, and what to do where it does not.

    Lake, MLflow, Airflow, databases, clock, versions, free space, products; exits with 1 if
    anything is wrong.
    """
    from mlfactory.cli.doctor import examine
    from mlfactory.settings import settings

    if not examine(settings(), Console()):
        raise typer.Exit(1)


def _refuse_unwritable(file: Path) -> None:
    """Make sure that a file can be written, and make its folder; the file is as it was."""
    from mlfactory.product.errors import UsageError

    try:
        folder = file.absolute().parent
        folder.mkdir(parents=True, exist_ok=True)
        reason = "it is a folder" if file.is_dir() else ""
        if not reason and not os.access(file if file.exists() else folder, os.W_OK):
            reason = "this user may not"
    except OSError as error:
        reason = str(error.strerror)
    if reason:
        raise UsageError(f"{file} cannot be written: {reason}", remedy="name a file elsewhere")
