"""The page of a batch: the rows that people are asked to label, and lines to copy and fill."""

from __future__ import annotations

from mlfactory.labelling.sheet import LABEL, ROW
from mlfactory.lake.answers import Batch
from mlfactory.lake.catalog import batch_page
from mlfactory.lake.store import product_store, write_text
from mlfactory.product.loader import Product
from mlfactory.report.page import Page


def leave_page(product: Product, batch: Batch) -> str:
    """Write the page of a batch, and return its name in the product's store."""
    name = batch_page(batch.partition)
    write_text(product_store(product.name), name, render(product, batch))
    return name


def render(product: Product, batch: Batch) -> str:
    """Return the page as HTML that needs nothing from outside."""
    features, label = product.spec.features, product.spec.label
    named = [name for name in features.key if name != features.event_time]
    shown = list(dict.fromkeys(name for row in batch.rows for name in row.shows))
    shown = [name for name in shown if name not in named]
    page = Page(f"{product.name}: to be labelled", f"partition {batch.partition}")
    page.facts(
        {
            "asked for": f"{label.column} ({label.kind})",
            "may be answered": _answers(product),
            "rows": f"{len(batch.rows):,} of {batch.of_rows:,}",
        }
    )
    page.paragraph(
        "What the model says of a row is not shown: who answers would answer that. Rows without "
        "an answer may be left as they are."
    )
    page.section("Rows").table(
        ["row", *named, str(features.event_time), *shown],
        [
            [row.row, *map(str, row.key), row.at, *(_cell(row.shows.get(name)) for name in shown)]
            for row in batch.rows
        ],
    )
    page.section("Answers").paragraph(
        "Copy these lines, write the label after each comma, and paste them into the form of "
        f"{product.name}.labels; or: mlfactory labels export {product.name} {batch.partition}"
    )
    page.code("\n".join([f"{ROW},{LABEL}", *(f"{row.row}," for row in batch.rows)]))
    return page.render()


def _answers(product: Product) -> str:
    queue, kind = product.spec.labelling, product.spec.label.kind
    if kind == "multiclass" and queue is not None:
        return ", ".join(queue.classes)
    return "0 or 1" if kind == "binary" else "a number"


def _cell(value: object) -> str:
    return "" if value is None else str(value)
