"""The commands `mlfactory labels …`: what people are asked to label, and what they answer."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlfactory.cli.commands.arguments import Key, ProductName

labels = typer.Typer(
    help="Rows that people are asked to label: see them, hand them out, take the answers.",
    no_args_is_help=True,
)


@labels.command("list")
def list_queues(product: ProductName) -> None:
    """Show what was drawn of each partition, how far people have come, and how far they agree."""
    from mlfactory.cli.labels import show_queues
    from mlfactory.product.loader import load_product

    show_queues(load_product(product), Console())


@labels.command("export")
def export(
    product: ProductName,
    partition: Key = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="CSV to write; <product>-<key>.csv if empty.")
    ] = None,
) -> None:
    """Write the rows of a partition that are to be labelled, drawing them the first time.

    What the model said of them is not in the file: who answers would answer that.
    """
    from mlfactory.cli.labels import export as write
    from mlfactory.cycle.spans import partition_of
    from mlfactory.product.loader import load_product

    found = load_product(product)
    write(found, partition_of(found, partition), out, Console())


@labels.command("import")
def take(
    product: ProductName,
    file: Annotated[Path, typer.Argument(help="CSV that 'export' wrote, its _label filled.")],
    by: Annotated[str, typer.Option("--by", help="Who answered; this user by default.")] = "",
    why: Annotated[str, typer.Option("--why", help="What the answers rest on.")] = "",
    at: Annotated[
        datetime | None,
        typer.Option("--at", help="Since when (UTC) they are known; since now by default."),
    ] = None,
) -> None:
    """Take answers: all of a file, or none where one of them is no label of the product's kind."""
    from mlfactory.cli.labels import take as take_file
    from mlfactory.product.loader import load_product

    take_file(load_product(product), file, Console(), by=by, why=why, at=at)


@labels.command("agreement")
def agreement(product: ProductName) -> None:
    """Show how far each two people agree: as a share of the rows that both labelled, and kappa."""
    from mlfactory.cli.labels import show_agreement
    from mlfactory.product.loader import load_product

    show_agreement(load_product(product), Console())


@labels.command("estimate")
def estimate(product: ProductName) -> None:
    """Estimate how good each model is on all rows, by those that were drawn and labelled."""
    from mlfactory.cli.labels import show_estimates
    from mlfactory.product.loader import load_product

    show_estimates(load_product(product), Console())
