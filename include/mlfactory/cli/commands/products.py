"""Look at products: what their files say, how they stand, what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlfactory.cli.commands.arguments import OneOrAll, ProductName, one_or_all

commands = typer.Typer()


@commands.command()
def check(
    product: OneOrAll = None,
    leakage: Annotated[
        bool,
        typer.Option(
            "--leakage",
            help="Also build the newest partition that passed again, without what came later: no "
            "feature may change.",
        ),
    ] = False,
) -> None:
    """Check the files of one product or of all: OK, or every mistake with its file and line."""
    from mlfactory.cli.check import check_products

    is_right = check_products(product, Console(), Console(stderr=True))
    if is_right and leakage:
        from mlfactory.cli.leakage import check_leakage

        is_right = check_leakage(one_or_all(product)[0], Console())
    if not is_right:
        raise typer.Exit(1)


@commands.command()
def profile(
    product: ProductName,
    partitions: Annotated[
        int, typer.Option(min=1, help="How many partitions to look at, the oldest.")
    ] = 6,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write; beside product.yaml by default."),
    ] = None,
    page: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Write the profile page of this partition instead, or of the newest: what its "
            "columns are like, and what changed.",
        ),
    ] = None,
) -> None:
    """Draft rules that the first partitions keep, each with its evidence, for you to review."""
    from mlfactory.cli.profile import write_profile, write_profile_page
    from mlfactory.product.loader import load_product

    if page is not None:
        write_profile_page(load_product(product), page, Console())
        return
    write_profile(load_product(product), partitions, out, Console())


@commands.command()
def freshness(
    product: ProductName,
    partition: Annotated[
        str | None, typer.Argument(metavar="[PARTITION]", help="Only this partition.")
    ] = None,
    newest: Annotated[
        int, typer.Option("--newest", "-n", min=1, help="How many partitions to show.")
    ] = 7,
) -> None:
    """Show how fresh each partition's parts are, and whether a source has something newer.

    Of each source: the newest event, when it landed and from which files; when that was prepared,
    scored and monitored; and what has come since. Files are looked for, and none is opened.
    """
    from mlfactory.cli.freshness import show_freshness
    from mlfactory.product.loader import load_product

    show_freshness(load_product(product), partition, newest, Console())


@commands.command()
def features(
    product: OneOrAll = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="File for the same as a page, .html.")
    ] = None,
) -> None:
    """List the features of one product or of all: made of what, by whom, used by which versions."""
    from mlfactory.cli.features import list_features

    products, all_are_right = one_or_all(product)
    if not (list_features(products, page, Console()) and all_are_right):
        raise typer.Exit(1)


@commands.command()
def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; stdout by default.")
    ] = None,
) -> None:
    """Write the JSON Schema of product.yaml, so that an editor checks and completes it.

    Editors with the YAML language server use it when product.yaml begins with the line

    # yaml-language-server: $schema=<path of the file from here>
    """
    from mlfactory.cli.check import write_schema

    write_schema(output, Console())


@commands.command()
def status(
    product: OneOrAll = None,
    last: Annotated[int, typer.Option(min=1, help="How many partitions to show.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="Show every partition.")] = False,
) -> None:
    """Show how one product stands, or all: who serves, what is open, what became of partitions.

    One that cannot be looked at is told, and the others are shown; exits with 1 then.
    """
    from mlfactory.cli.status import show_status

    products, all_are_right = one_or_all(product)
    if not (show_status(products, Console(), None if everything else last) and all_are_right):
        raise typer.Exit(1)


@commands.command()
def reconcile(
    product: OneOrAll = None,
    mend: Annotated[
        bool,
        typer.Option("--mend", help="Run what would close the first few gaps of each product."),
    ] = False,
) -> None:
    """Tell what is missing, stale, or was asked for and never came; exits with 1 if anything is.

    Asks the local Airflow what it is doing about it, and mends by its runs; without one it looks
    at the lake alone, and mends in this process. The DAG mlfactory.reconcile does it on schedule.
    """
    from mlfactory.cli.reconciling import show_gaps

    products, all_are_right = one_or_all(product)
    if not (show_gaps(products, Console(), mend=mend) and all_are_right):
        raise typer.Exit(1)
