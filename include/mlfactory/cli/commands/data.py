"""Look at a product's data: its tables, their versions, what came and went between two of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlfactory.cli.commands.arguments import ProductName

data = typer.Typer(
    help="A product's tables and the versions of them that are kept.", no_args_is_help=True
)

TableName = Annotated[
    str, typer.Argument(metavar="TABLE", help="As `data history PRODUCT` names it.")
]
Slot = Annotated[
    str | None,
    typer.Option("--partition", metavar="PARTITION", help="Only this one; all by default."),
]


@data.command("history")
def history_of(
    product: ProductName,
    table: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="Without one: which there are.")
    ] = None,
    partition: Slot = None,
    last: Annotated[int, typer.Option(min=1, help="How many versions to show.")] = 20,
) -> None:
    """Show the versions of a table: when, which rows, which run, what rests on it."""
    from mlfactory.cli.data import show_history
    from mlfactory.product.loader import load_product

    show_history(load_product(product), table, partition, last, Console())


@data.command()
def diff(
    product: ProductName,
    table: TableName,
    old: Annotated[int, typer.Argument(metavar="FROM", min=0, help="A version.")],
    new: Annotated[
        int | None, typer.Argument(metavar="[TO]", min=0, help="Another; the newest by default.")
    ] = None,
    partition: Slot = None,
) -> None:
    """Show what differs between two versions: columns, and rows that came, went and changed."""
    from mlfactory.cli.data import show_difference
    from mlfactory.product.loader import load_product

    show_difference(load_product(product), table, old, new, partition, Console())


@data.command()
def show(
    product: ProductName,
    table: TableName,
    partition: Slot = None,
    version: Annotated[
        int | None, typer.Option("--version", min=0, help="Of the table; the newest by default.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 10,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File for all of them, .csv or .parquet.")
    ] = None,
) -> None:
    """Show rows of a table as they are, or as they were in a version."""
    from mlfactory.cli.data import show_rows
    from mlfactory.product.loader import load_product

    show_rows(load_product(product), table, partition, version, limit, out, Console())
