"""What a person does in the demonstration: a row in quarantine is corrected and released.

In the register of planes N14629 is a Boeing 737-524 built in 1965, before any 737 flew. The rule
that takes it out is right about the year, and costs four flights of January the seats and the
engine of their plane. All else that the demonstration has in quarantine is better out: private
planes that the airlines' own numbers find, and a wind that no flight's features are made of.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from rich.console import Console

from mlfactory.cli.output import say
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.quarantine import Choice, QuarantinedRow, release, rows_in_quarantine
from mlfactory.quarantine.spreadsheet import as_csv

PRODUCT, KEY, SOURCE, TAILNUM = "flight_delay", "2013-01-01", "planes", "N14629"
WHO = "demo"
WHY = "no 737 flew before 1967, so its year is not known; the rest of the row stands"


def decide(product: Product, console: Console) -> Callable[[Partition], bool]:
    """Return what is called with each partition that came to rest; True where it decided."""
    return lambda partition: correct_a_row(product, partition, console)


def correct_a_row(product: Product, partition: Partition, console: Console) -> bool:
    """Take the wrong year out of the plane's row, as a person does with the CSV, and say so.

    Returns:
        Whether that was decided; not for other products and partitions, nor where somebody decided
        about the row before: what was decided holds in every landing.

    Raises:
        ServiceError: if the partition is being validated at this moment.
    """
    if (product.name, partition.key) != (PRODUCT, KEY) or SOURCE not in product.spec.sources:
        return False
    found = [
        row
        for row in rows_in_quarantine(product, partition, SOURCE)
        if row.record.get("tailnum") == TAILNUM and row.state == "open" and not row.changes
    ]
    if not found:
        return False
    corrected = _without_year(found[0])
    done = release(product, partition, Choice(), why=WHY, who=WHO, corrected=corrected)
    (entry,) = done.entries
    say(console, f"{partition}  somebody looks into the quarantine: plane {TAILNUM}", "bold")
    for reason in found[0].reasons:
        say(console, f"    {reason}")
    say(
        console,
        f"    its year is taken out and the row released: {WHY} (entry {entry.number} of the "
        "ledger); the month is run again and announced",
    )
    return True


def _without_year(row: QuarantinedRow) -> str:
    """Return the CSV of one row, edited: no value is an empty cell."""
    lines = list(csv.DictReader(io.StringIO(as_csv([row]))))
    edited = io.StringIO()
    writer = csv.DictWriter(edited, list(lines[0]))
    writer.writeheader()
    writer.writerows({**line, "year": ""} for line in lines)
    return edited.getvalue()
