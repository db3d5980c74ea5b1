"""What `mlfactory features` does: it lists what models are given, of one product or of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mlfactory.cli.local_files import write_text
from mlfactory.cli.output import say
from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import Product
from mlfactory.report.feature_page import COLUMNS, cells, feature_page
from mlfactory.trainings.feature_index import features_of

_WIDTH_OF_A_FILE = 160


def list_features(products: Sequence[Product], page: Path | None, console: Console) -> bool:
    """Print the features of products, and write them to a page; one that breaks hides no other.

    Returns:
        Whether every product could be looked at.

    Raises:
        UsageError: if the page cannot be written.
    """
    found, is_whole = [], True
    for product in products:
        try:
            features = features_of(product)
        except FactoryError as error:
            say(console, f"{product.name}: {error}", "bold red")
            is_whole = False
            continue
        found += features
        table = Table(title=product.name, title_justify="left", title_style="bold")
        for name in COLUMNS:
            table.add_column(name, overflow="fold")
        for feature in features:
            table.add_row(*cells(feature))
        shown = console if console.is_terminal else Console(width=_WIDTH_OF_A_FILE)
        shown.print(table)
    if page is not None:
        write_text(page, feature_page(found).render())
        say(console, f"wrote {page}")
    return is_whole
