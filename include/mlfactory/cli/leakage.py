"""What `mlfactory check --leakage` does: it builds partitions again, without what came later."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from mlfactory.cli.output import say
from mlfactory.cli.timeline import keys_run
from mlfactory.lake.rows import standings
from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


def check_leakage(products: Sequence[Product], console: Console) -> bool:
    """Print of each product which of its features look ahead; tell whether none does."""
    found = [_check(product, console) for product in products]
    return all(found)


def _check(product: Product, console: Console) -> bool:
    from mlfactory.prepare import look_ahead

    partition = _newest(product)
    if partition is None:
        say(
            console,
            f"{product.name}: no partition has passed validation yet, so there is nothing to build "
            f"again; mlfactory run {product.name} KEY --stage ingest --stage validate",
            "yellow",
        )
        return True
    with console.status(f"{product.name} {partition}: building again and again"):
        try:
            looked = look_ahead(product, partition)
        except FactoryError as error:
            say(console, str(error), "bold red")
            return False
    for peek in looked.found.peeks:
        style = "bold red" if peek.is_sure else "yellow"
        say(console, f"{product.name} {partition}: {peek}", style)
    for note in looked.found.untried:
        say(console, f"{product.name} {partition}: cannot be tried of {note}", "yellow")
    is_right = not any(peek.is_sure for peek in looked.found.peeks)
    if is_right:
        say(
            console,
            f"{product.name} {partition}: no {'other ' if looked.found.peeks else ''}feature looks "
            f"ahead, built {looked.builds} times of {looked.rows:,} rows",
        )
    return is_right


def _newest(product: Product) -> Partition | None:
    """Return the newest partition that passed its validation."""
    keys = keys_run(product)
    judged = standings(product, keys)
    passed = [key for key in keys if judged[key].state == "accepted"]
    return product.calendar.parse(max(passed)) if passed else None
