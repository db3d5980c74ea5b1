"""What `mlfactory quarantine` shows and writes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from mlfactory.cli import record
from mlfactory.cli.demo import connect
from mlfactory.cli.output import say
from mlfactory.cli.text_files import read_text, write_text
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.quarantine import (
    Choice,
    Decided,
    QuarantinedRow,
    counted,
    discard,
    release,
    rows_in_quarantine,
)
from mlfactory.quarantine.spreadsheet import as_csv, as_text
from mlfactory.scheduler.asking import ask_for_data, refuse_without_dag
from mlfactory.settings import settings


def show_counts(product: Product, partition: Partition | None, console: Console) -> None:
    """Print the counts of one partition, or of all that have any."""
    lines = counted(product, partition)
    if not lines:
        say(console, f"{product.name}: no row is in quarantine")
        return
    table = Table(title=f"{product.name}: quarantine", title_justify="left", padding=(0, 1))
    for name in ("partition", "source"):
        table.add_column(name, no_wrap=True)
    table.add_column("reason", ratio=1, overflow="fold")
    for name in ("open", "released", "discarded"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        counts = (line.open, line.released, line.discarded)
        table.add_row(line.partition, line.source, line.reason, *(f"{count:,}" for count in counts))
    wide = console if console.is_terminal else Console(file=console.file, width=120)
    wide.print(table, markup=False)
    for key, source, kept in sorted(
        {(line.partition, line.source, line.kept) for line in lines if line.kept is not None}
    ):
        say(console, f"{key} {source}: over the budget; {kept:,} of its rows are kept, as a sample")


def show_rows(
    product: Product,
    partition: Partition,
    source: str | None,
    limit: int,
    out: Path | None,
    console: Console,
) -> None:
    """Print rows of a partition's quarantine, and write them to a file if one is named.

    Raises:
        UsageError: if the file cannot be written, or the rows are of several sources.
    """
    rows = rows_in_quarantine(product, partition, source)
    if not rows:
        say(console, f"{product.name}, partition {partition}: no row is in quarantine")
        return
    if out is not None:
        write_text(out, as_csv(rows))
        then = _correcting(product, partition, out)
        say(console, f"{len(rows):,} rows written to {out}; mend their cells, then: {then}")
        return
    for row in rows[:limit]:
        _show(row, console)
    if len(rows) > limit:
        say(console, f"{limit} of {len(rows):,} rows; --limit shows more, --out writes all")


def decide(
    product: Product,
    partition: Partition,
    choice: Choice,
    what: Literal["release", "discard"],
    console: Console,
    *,
    why: str,
    by: str,
    corrected: Path | None = None,
    run: bool = False,
) -> None:
    """Release or discard rows, say so, and ask Airflow for the run that brings it in.

    Raises:
        UsageError: see `quarantine.release`; or if a run is asked for and no Airflow is there.
        ServiceError: if Airflow does not answer, or the partition is being validated.
    """
    text = read_text(corrected) if corrected is not None else None
    with ExitStack() as opened:
        api = opened.enter_context(connect()) if run else None
        if api is not None:
            # before anything is decided
            refuse_without_dag(api, product.name)
        if what == "release":
            done = release(product, partition, choice, why=why, who=by, corrected=text)
        else:
            done = discard(product, partition, choice, why=why, who=by)
        _tell(product, done, console)
        if api is not None:
            started = ask_for_data(api, product.name, partition.key)
            say(console, f"started {started.dag_id} {started.run_id}")
            return
    say(console, f"it holds when the partition has run: {done.command}")
    running = record.running(settings())
    if (running is not None and running.has("airflow")) or settings().airflow_address:
        say(
            console,
            f"or in Airflow: trigger {product.name}.data for {partition} with 'Read the sources' "
            "off; the next time, --run does that",
        )


def _tell(product: Product, done: Decided, console: Console) -> None:
    for entry in done.entries:
        count, kind = int(entry.details["rows"]), entry.details["kind"]
        say(
            console,
            f"{product.name} {entry.partition}: {count:,} row{'' if count == 1 else 's'} of "
            f"{entry.details['source']} {kind} by {entry.who} (entry {entry.number} of the ledger)",
        )
    if done.unchanged:
        say(console, f"{done.unchanged:,} lines of the CSV are as they were: nothing is decided")


def _show(row: QuarantinedRow, console: Console) -> None:
    waits = ", at its partition's next run" if row.waits else ""
    say(console, f"{row.digest}  {row.source} row {row.row:,}  {row.state}{waits}", "bold")
    for reason in row.reasons:
        say(console, f"    {reason}")
    if row.only_corrected:
        say(console, "    can be released corrected only")
    cells = ", ".join(f"{name}={as_text(value)}" for name, value in row.record.items())
    say(console, f"    {cells}", "dim")


def _correcting(product: Product, partition: Partition, file: Path) -> str:
    return f"mlfactory quarantine release {product.name} {partition} --corrected {file} --why '…'"
