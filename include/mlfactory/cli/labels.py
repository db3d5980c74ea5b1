"""What `mlfactory labels` shows and writes."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mlfactory.cli.output import say
from mlfactory.cli.text_files import read_text, write_text
from mlfactory.labelling import (
    Line,
    Pair,
    agreements,
    as_csv,
    batch_of,
    estimates,
    queues,
    read_sheet,
    take_answers,
)
from mlfactory.labelling.drawing import queue_of
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


def show_queues(product: Product, console: Console) -> None:
    """Print what people were asked of each partition, and what they answered."""
    queue_of(product)
    found = queues(product)
    if not found:
        say(console, f"{product.name}: nothing was drawn yet; mlfactory labels export draws it")
        return
    names = ("rows", "answered", "people", "by several", "differ", "open")
    table = _table(f"{product.name}: labelling", ["partition", "drawn"], names)
    for one in found:
        drawn = ", ".join(f"{count} {why}" for why, count in sorted(one.drawn.items()))
        counts = (len(one.batch.rows), one.answered, one.people, one.several, one.differing)
        table.add_row(one.batch.partition, drawn, *(f"{each:,}" for each in (*counts, one.open)))
    _print(console, table)
    for pair in agreements(product)[:1]:
        say(console, f"{_agreement(pair)}; all pairs: mlfactory labels agreement {product.name}")


def export(product: Product, partition: Partition, out: Path | None, console: Console) -> None:
    """Write the batch of a partition to a CSV.

    Raises:
        UsageError: if the product asks nobody, there is nothing to label, or the file cannot be
            written.
    """
    batch = batch_of(product, partition)
    file = out or Path(f"{product.name}-{partition.key.replace(':', '')}.csv")
    write_text(file, as_csv(product, batch))
    say(
        console,
        f"{len(batch.rows):,} of {batch.of_rows:,} rows written to {file}; fill _label, then: "
        f"mlfactory labels import {product.name} {file}",
    )


def take(
    product: Product,
    file: Path,
    console: Console,
    *,
    by: str = "",
    why: str = "",
    at: datetime | None = None,
) -> None:
    """Take the answers of a CSV, and say from when on they count.

    Raises:
        UsageError: see `read_sheet` and `take_answers`; or if the file cannot be read.
    """
    given = take_answers(product, read_sheet(product, read_text(file)), who=by, why=why, at=at)
    same = f"; {given.unchanged:,} are what {given.who} answered before" if given.unchanged else ""
    rows = "row" if given.taken == 1 else "rows"
    say(console, f"{given.taken:,} {rows} answered by {given.who}{same}")
    if given.command:
        say(console, f"{given.landing} was prepared already; now it is: {given.command}")
    elif given.taken:
        say(console, f"known from {given.at[:16]} UTC on, with the partition {given.landing}")


def show_agreement(product: Product, console: Console) -> None:
    """Print how far each two people agree."""
    queue_of(product)
    pairs = agreements(product)
    if not pairs:
        say(console, f"{product.name}: no row was labelled by two people")
        return
    for pair in pairs:
        say(console, _agreement(pair))


def show_estimates(product: Product, console: Console) -> None:
    """Print what all rows are like, by those that were drawn and labelled."""
    queue_of(product)
    lines = estimates(product)
    if not lines:
        say(
            console,
            f"{product.name}: no rows that were drawn at random have a label, so that nothing can "
            "be said of the others",
        )
        return
    names = ("labelled", "of rows", "estimate", "95% interval", "plain mean")
    table = _table(f"{product.name}: all rows, by those labelled", ["model", "figure"], names)
    for line in lines:
        table.add_row(line.model_version or "none", line.metric, *_figures(line))
    _print(console, table)
    say(
        console,
        "the plain mean counts every labelled row alike, however it was chosen",
    )


def _figures(line: Line) -> tuple[str, ...]:
    found = line.estimate
    known = not math.isnan(found.low)
    interval = f"{found.low:.4g} to {found.high:.4g}" if known else "not known"
    return (
        f"{line.labelled:,}",
        f"{line.rows:,}",
        f"{found.value:.4g}",
        interval,
        f"{line.naive:.4g}",
    )


def _agreement(pair: Pair) -> str:
    found = pair.agreement
    kappa = "not defined" if math.isnan(found.kappa) else f"{found.kappa:.2f}"
    return (
        f"{pair.one} and {pair.other}: {found.rows:,} rows, agree on {found.raw:.0%}, kappa {kappa}"
    )


def _table(title: str, left: list[str], right: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", padding=(0, 1))
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _print(console: Console, table: Table) -> None:
    wide = console if console.is_terminal else Console(file=console.file, width=120)
    wide.print(table, markup=False)
