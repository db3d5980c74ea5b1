"""The command `mlfactory erase`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from mlfactory.cli.commands.arguments import ProductName

commands = typer.Typer()


@commands.command()
def erase(
    product: ProductName,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            "-k",
            metavar="[SOURCE.]COLUMN[=VALUE]",
            help="What names the subject's rows; several must all hold. Without a value it is "
            "asked for, and in no shell's history.",
        ),
    ] = None,
    why: Annotated[str, typer.Option("--why", help="Why; goes into the ledger.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who asked for it; this user by default.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what there is, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    seal: Annotated[
        bool,
        typer.Option("--seal", help="Print the keys as the form in Airflow takes them: as hashes."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an erasure that was cut off.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="All who were erased before, as after a restore.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Do not wait for what is noted as under way: you know that it was killed.",
        ),
    ] = False,
) -> None:
    """Remove one subject from everything that is kept of a product, and keep it out from now on.

    From tables and their old versions, quarantine, what was read of files, trainings' kept rows and
    pages; what was built of the rows is built again. Says what there is first, and asks.
    """
    from mlfactory.cli.erase import erase_again, erase_subject, refuse_unused
    from mlfactory.cli.erase import seal as seal_keys
    from mlfactory.erase import is_sealed
    from mlfactory.product.loader import load_product

    def ask(question: str) -> bool:
        return yes or typer.confirm(question)

    refuse_unused(key or (), why, by, seal=seal, resume=resume, again=again)
    given = [
        each
        if "=" in each or is_sealed(each)
        else f"{each}={typer.prompt(f'{each} (not shown)', hide_input=True)}"
        for each in key or ()
    ]
    found = load_product(product)
    if again:
        done = erase_again(found, Console(), ask, why=why, by=by, dry_run=dry_run, force=force)
        if not done:
            raise typer.Exit(1)
        return
    if seal:
        seal_keys(found, given, Console())
        return
    done = erase_subject(
        found,
        given,
        Console(),
        ask,
        why=why,
        by=by,
        dry_run=dry_run,
        resume=resume,
        force=force,
    )
    if not done:
        raise typer.Exit(1)
