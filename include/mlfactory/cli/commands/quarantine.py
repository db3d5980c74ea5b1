"""The commands `mlfactory quarantine …`: what is in there, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlfactory.cli.commands.arguments import Key, ProductName

quarantine = typer.Typer(
    help="Rows that validation did not let through: see them, release them, discard them.",
    no_args_is_help=True,
)

Source = Annotated[str | None, typer.Option("--source", help="Only rows of this source.")]
Rows = Annotated[
    list[str] | None,
    typer.Option("--rows", metavar="DIGEST", help="A row, by its digest; may be given again."),
]
All = Annotated[bool, typer.Option("--all", help="All rows that are open.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Open rows of which a reason has this text.")
]
Why = Annotated[str, typer.Option("--why", help="Why; goes into the ledger.")]
By = Annotated[str, typer.Option("--by", help="Who decides; this user by default.")]
Run = Annotated[
    bool, typer.Option("--run", help="Ask the running Airflow for the partition's data run.")
]


@quarantine.command("list")
def list_rows(product: ProductName, partition: Key = None) -> None:
    """Count the rows in quarantine by partition, source and reason, and what became of them."""
    from mlfactory.cli.quarantine import show_counts
    from mlfactory.cycle.spans import partition_of
    from mlfactory.product.loader import load_product

    found = load_product(product)
    show_counts(found, partition_of(found, partition) if partition else None, Console())


@quarantine.command("show")
def show_rows(
    product: ProductName,
    partition: Key = None,
    source: Source = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 20,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="CSV to write all of them to, for editing.")
    ] = None,
) -> None:
    """Show rows as they were received, each with its digest, its state and every reason."""
    from mlfactory.cli.quarantine import show_rows as show
    from mlfactory.cycle.spans import partition_of
    from mlfactory.product.loader import load_product

    found = load_product(product)
    show(found, partition_of(found, partition), source, limit, out, Console())


@quarantine.command()
def release(
    product: ProductName,
    why: Why,
    partition: Key = None,
    rows: Rows = None,
    everything: All = False,
    reason: Reason = "",
    corrected: Annotated[
        Path | None,
        typer.Option("--corrected", help="CSV that 'show --out' wrote, its cells mended."),
    ] = None,
    source: Source = None,
    by: By = "",
    run: Run = False,
) -> None:
    """Let rows through when their partition runs next: as they are, or with mended cells.

    As they are, the rules they break no longer take them out. Mended, they are judged anew, and
    what still breaks a rule goes back into quarantine. What has landed is not changed.
    """
    from mlfactory.cli.quarantine import decide
    from mlfactory.cycle.spans import partition_of
    from mlfactory.product.loader import load_product
    from mlfactory.quarantine import Choice

    found = load_product(product)
    decide(
        found,
        partition_of(found, partition),
        Choice(tuple(rows or ()), everything, reason, source),
        "release",
        Console(),
        why=why,
        by=by,
        corrected=corrected,
        run=run,
    )


@quarantine.command()
def discard(
    product: ProductName,
    why: Why,
    partition: Key = None,
    rows: Rows = None,
    everything: All = False,
    reason: Reason = "",
    source: Source = None,
    by: By = "",
    run: Run = False,
) -> None:
    """Leave rows out for good: they stay in quarantine, and are open no more.

    A row that was released before is out again when its partition runs next.
    """
    from mlfactory.cli.quarantine import decide
    from mlfactory.cycle.spans import partition_of
    from mlfactory.product.loader import load_product
    from mlfactory.quarantine import Choice

    found = load_product(product)
    decide(
        found,
        partition_of(found, partition),
        Choice(tuple(rows or ()), everything, reason, source),
        "discard",
        Console(),
        why=why,
        by=by,
        run=run,
    )
