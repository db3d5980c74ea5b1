"""Reading the CSV that a person filled in, by lines that messages can name."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection

from mlfactory.product.errors import UsageError


def lines_of(
    text: str, needed: Collection[str], *, what: str, written_by: str
) -> list[tuple[int, dict[str, str]]]:
    """Return the lines of a CSV, each with its number in the file and its cells by column.

    Args:
        text: the CSV, with a line of columns, with or without a byte order mark.
        needed: columns that must be there, beside any others.
        what: what the lines are, for messages: "the answers".
        written_by: the command that writes such a CSV.

    Raises:
        UsageError: if it is no CSV, a needed column is not there or any stands twice, or a line
            has more or fewer cells than there are columns.
    """
    try:
        reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        header = list(reader.fieldnames or ())
        if not set(needed) <= set(header) or len(set(header)) < len(header):
            raise UsageError(
                f"line 1 of {what} has the columns {header}; there must be "
                f"{' and '.join(needed)}, and none twice",
                remedy=f"begin with what '{written_by}' writes, and keep commas between its cells",
            )
        found = [(reader.line_num, line) for line in reader]
    except csv.Error as error:
        raise UsageError(f"{what} are no CSV: {error}", remedy="mend them") from None
    for number, line in found:
        if None in line or None in line.values():
            raise UsageError(
                f"line {number} of {what} has more or fewer cells than the first line",
                remedy="put a cell that has a comma between quotation marks",
            )
    return found
