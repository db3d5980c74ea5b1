"""What commands are given: names of products and keys of partitions, and what they mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from mlfactory.product.loader import Product
    from mlfactory.product.partitions import Partition

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


def span_of(product: Product, first: str | None, last: str | None) -> list[Partition]:
    """Return the partitions between two keys, both included.

    Raises:
        UsageError: a key is wrong or missing, they are in no order, or the last is not over.
    """
    from mlfactory.cycle.clock import refuse_unfinished
    from mlfactory.product.errors import UsageError

    start, end = partition_of(product, first), partition_of(product, last)
    if end < start:
        raise UsageError(
            f"the last partition, '{last}', is before the first, '{first}'",
            remedy="give them in the order of time",
        )
    refuse_unfinished(product, end)
    return product.calendar.span(start, end)


def partition_of(product: Product, key: str | None) -> Partition:
    """Return the partition of a key; of a snapshot's only one it may be left out."""
    from mlfactory.product.errors import UsageError
    from mlfactory.product.partitions import SNAPSHOT

    calendar = product.calendar
    if key is None and not calendar.is_snapshot:
        example = calendar.containing(calendar.first or datetime(2026, 1, 1, tzinfo=UTC)).key
        raise UsageError(
            f"product {product.name} has a partition a {calendar.every}: say which one is meant",
            remedy=f"give its key, such as '{example}'",
        )
    return calendar.parse(key or SNAPSHOT)
