"""Keep what there is: back it up, tidy it, take it away."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from mlfactory.cli.commands.arguments import OneOrAll, ProductName

commands = typer.Typer()


@commands.command()
def reset(
    product: ProductName,
    source: Annotated[
        str | None, typer.Option("--source", help="Remove only what landed of this source.")
    ] = None,
    registry: Annotated[
        bool, typer.Option("--registry", help="Remove its versions and runs from MLflow, too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Although it is being worked on.")] = False,
) -> None:
    """Let a product, or one of its sources, start over: says what it would remove, and asks.

    Needed where a column that has landed changes its type or is gone for good.
    """
    from mlfactory.cli.reset import reset_product

    def ask(question: str) -> bool:
        return yes or typer.confirm(question)

    if not reset_product(product, source, Console(), ask, registry=registry, force=force):
        raise typer.Exit(1)


@commands.command()
def upkeep(
    product: OneOrAll = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would go, and change nothing.")
    ] = False,
) -> None:
    """Remove what is old and nobody points to: versions of tables, pages, logs, Airflow's past.

    Nothing goes that a registered model or an open training has pinned, and nothing of a product
    that is being worked on. The DAG mlfactory.upkeep does it once a day.
    """
    from mlfactory.cli.upkeep import do_upkeep

    if not do_upkeep(product, Console(), dry_run=dry_run):
        raise typer.Exit(1)


@commands.command()
def backup(
    place: Annotated[str, typer.Argument(help="Folder to be made, or s3://bucket/prefix.")],
) -> None:
    """Copy the whole factory: the lake, and MLflow's database and files. Runs may go on."""
    from mlfactory.cli.backup import back_up

    back_up(place, Console())


@commands.command()
def restore(
    place: Annotated[str, typer.Argument(help="Where mlfactory backup left it.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove first what this home has.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Although it is being worked on.")] = False,
) -> None:
    """Make this factory what it was when a backup was made, in a home that has nothing."""
    from mlfactory.cli.backup import put_back

    put_back(place, Console(), replace=replace, force=force)


@commands.command("take-lake")
def take_lake(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Make the lake this stack's, when the stack that had it is stopped for good; asks.

    Two stacks on one lake would do everything twice; so the second is refused until this is done.
    """
    from mlfactory.cli.output import say
    from mlfactory.cli.own_stack import stack_name
    from mlfactory.lake.stack import described, mark_of_lake, named, take_lake
    from mlfactory.settings import settings

    name, lake = stack_name(settings()), settings().lake_uri
    mark = mark_of_lake()
    former = None if mark is None or named(mark).get("stack") == name else described(named(mark))
    if former is not None and not yes:
        typer.confirm(f"{lake} is that of {former}. Is that one stopped for good?", abort=True)
    take_lake(name, instead_of=mark)
    had = "" if former is None else f"; it was that of {former}"
    say(Console(), f"the lake {lake} is that of {name}{had}")
