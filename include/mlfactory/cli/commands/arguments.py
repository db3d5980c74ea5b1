"""What commands are given: names of products and keys of partitions, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from mlfactory.product.loader import Product

ProductName = Annotated[str, typer.Argument(metavar="PRODUCT", help="Name of the product.")]
OneOrAll = Annotated[
    str | None, typer.Argument(metavar="[PRODUCT]", help="Name of the product; all by default.")
]
Key = Annotated[
    str | None,
    typer.Argument(
        metavar="[PARTITION]",
        help="Key of the partition: its start, in UTC. A snapshot has one and needs none.",
    ),
]


def one_or_all(name: str | None) -> tuple[list[Product], bool]:
    """Return the product of that name, or all, and whether all are right; tells of the wrong."""
    from mlfactory.cli.output import say
    from mlfactory.product.loader import load_product, load_products

    if name:
        return [load_product(name)], True
    products, wrong = load_products()
    for error in wrong:
        say(Console(), str(error), "bold red")
    return products, not wrong
