"""The command `mlfactory reconcile`: gaps as lines."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from rich.console import Console

from mlfactory.cli import record
from mlfactory.cli.demo import connect
from mlfactory.cli.output import say
from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import Product
from mlfactory.reconcile import reconcile
from mlfactory.reconcile.page import in_words
from mlfactory.settings import settings


def show_gaps(products: Sequence[Product], console: Console, *, mend: bool) -> bool:
    """Print what each product lacks, mending it if asked to.

    One that cannot be looked at is told, and hides no other.

    Returns:
        Whether every product was looked at, and nothing is left open.

    Raises:
        ServiceError: if the local Airflow is up and does not answer.
    """
    is_closed = True
    with ExitStack() as opened:
        running = record.running(settings())
        if running is not None and running.dead:
            say(console, f"{running.obituary}; {record.REVIVE}", "bold red")
        asks = running is not None and running.has("airflow")
        api = opened.enter_context(connect()) if asks else None
        for product in products:
            try:
                gaps = reconcile(product, api=api, mend=mend)
            except FactoryError as error:
                is_closed = False
                say(console, f"{product.name}: {error}", "bold red")
                continue
            if not gaps:
                say(console, f"{product.name}: nothing is missing", "green")
            for gap in gaps:
                is_closed = is_closed and bool(gap.mended)
                say(console, in_words(product, gap), "" if gap.mended else "yellow")
    return is_closed
