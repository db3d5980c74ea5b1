"""What `mlfactory check` and `mlfactory schema` do: read products, and tell what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.text import Text

from mlfactory.cli.local_files import write_text
from mlfactory.cli.output import say
from mlfactory.product.errors import SpecError, UsageError
from mlfactory.product.loader import Product, load_product, load_products, schema_of
from mlfactory.product.trial import code_mistakes
from mlfactory.settings import settings


def check_products(name: str | None, console: Console, errors: Console) -> bool:
    """Print a line for each product that is right and every mistake of those that are not.

    Also what a product may say and will be surprised by, which is no mistake. The product's code
    is imported, each product's in a process of its own.

    Args:
        name: the one product to check; all if None.

    Returns:
        Whether all are right.

    Raises:
        UsageError: if there is no such product, or none at all.
    """
    products, wrong = _tried(*_load(name))
    if not products and not wrong:
        raise UsageError(
            f"there is no product in {settings().products}",
            remedy="make a folder with a product.yaml there, or set MLFACTORY_PRODUCTS",
        )
    width = max(len(found.name) for found in products) if products else 0
    for found in products:
        line = Text(f"{found.name:<{width}}  ", style="bold")
        line.append("OK", style="bold green")
        line.append(f"  {summary(found)}", style="not bold")
        say(console, line)
        tell_warnings(found, console)
    for error in wrong:
        say(errors, str(error), "red")
    return not wrong


def tell_warnings(product: Product, console: Console) -> None:
    """Print what the product's spec may say and will be surprised by."""
    for warning in product.warnings:
        say(console, f"  {warning}", "yellow")


def summary(product: Product) -> str:
    """Return what a product is, in one line."""
    spec = product.spec
    if product.calendar.is_snapshot:
        partitions = "one snapshot"
    else:
        first = product.calendar.first
        partitions = f"a partition a {spec.partition.every}"
        if first is not None:
            partitions += f" from {product.calendar.containing(first).key}"
    return "; ".join(
        (
            spec.label.kind,
            partitions,
            _count(len(spec.sources), "source"),
            _count(len(spec.features.inputs), "feature"),
            _count(len(spec.candidates), "candidate"),
            _count(len(spec.gates), "gate"),
        )
    )


def write_schema(output: Path | None, console: Console) -> None:
    """Write the JSON Schema of a spec to `output`, or to the console if None."""
    text = json.dumps(schema_of(), indent=2)
    if output is None:
        say(console, text)
        return
    write_text(output, text + "\n")
    say(console, f"wrote {output}")


def _load(name: str | None) -> tuple[list[Product], list[SpecError]]:
    if name is None:
        return load_products()
    try:
        return [load_product(name)], []
    except SpecError as error:
        return [], [error]


def _tried(
    products: list[Product], wrong: list[SpecError]
) -> tuple[list[Product], list[SpecError]]:
    """Part the products whose code cannot be imported from the others."""
    right = []
    for product, mistakes in zip(products, code_mistakes(products), strict=True):
        if mistakes:
            wrong.append(SpecError(product.name, mistakes))
        else:
            right.append(product)
    return right, wrong


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
