"""Rows of the quarantine as a CSV that a person edits, and what that person changed in it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from mlfactory.lake.cells import cell
from mlfactory.lake.formulas import guarded, unguarded
from mlfactory.lake.sheets import lines_of
from mlfactory.product.errors import UsageError
from mlfactory.quarantine.rows import QuarantinedRow

DIGEST, ROW, REASONS = "_digest", "_row", "_reasons"
OURS = (DIGEST, ROW, REASONS)
"""The columns that are not the source's; all but the digest are for who reads it."""

Changes = Mapping[str, str | None]
_SHOWN = 5


def as_csv(rows: Sequence[QuarantinedRow]) -> str:
    """Return rows as CSV, the cells as they were received, or as they were corrected last.

    Numbers are written as their source writes them, and are read so by `changed_rows`.

    A text that a spreadsheet would take for a formula has a `'` before it, which `changed_rows`
    takes away again.

    Raises:
        UsageError: if they are of several sources, whose columns are not the same.
    """
    sources = {row.source for row in rows}
    if len(sources) > 1:
        raise UsageError(
            f"the rows are of several sources, {sorted(sources)}, which have other columns each",
            remedy="name one with --source",
        )
    columns = list(dict.fromkeys(name for row in rows for name in row.record))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*OURS, *columns])
    for row in rows:
        cells = [guarded(_stands(row, name)) for name in columns]
        writer.writerow([row.digest, row.row, guarded("; ".join(row.reasons)), *cells])
    return text.getvalue()


def as_text(value: Any) -> str:
    """Return a cell of a record as the CSV has it; no value is an empty one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _stands(row: QuarantinedRow, name: str) -> str:
    """Return a cell as it was corrected last, else as it was received."""
    return (row.changes[name] or "") if name in row.changes else _received(row, name)


def _received(row: QuarantinedRow, name: str) -> str:
    value = row.record.get(name)
    said = as_text(value)
    if isinstance(value, float):
        return row.numbers.written(said, pa.float64()) or ""
    return said


def _same(given: str, known: str) -> bool:
    """Tell whether two texts are the same but for line ends, which editors and browsers change."""
    return given.splitlines() == known.splitlines()


def changed_rows(
    text: str,
    rows: Sequence[QuarantinedRow],
    kinds: Mapping[str, Mapping[str, pa.DataType]],
) -> tuple[dict[tuple[str, str], Changes], int]:
    """Return what was changed in a CSV that `as_csv` made, by source and digest.

    Lines that are as they were are left out, and counted; left out are also lines and columns that
    were taken away. Of a row that was corrected before, the changes are those of then and now.
    Numbers are as in the CSV, as the row's source writes them.

    Args:
        kinds: the types of each source's columns.

    Raises:
        UsageError: if it is no such CSV, names a row that is not in quarantine, says two things of
            one row, or has a value that is not of its column's type.
    """
    found: dict[tuple[str, str], Changes] = {}
    wrong: list[str] = []
    unchanged = 0
    for number, line in lines_of(
        text,
        (DIGEST,),
        what="the corrected rows",
        written_by="mlfactory quarantine show … --out rows.csv",
    ):
        row = _row_of(line, rows, number)
        changes = dict(row.changes)
        for name, cell_of_line in line.items():
            given = unguarded(cell_of_line)
            if name in OURS or _same(given, _stands(row, name)):
                continue
            if name in row.record and _same(given, _received(row, name)):
                # it is to be what landed again
                changes.pop(name, None)
                continue
            changes[name] = given if given != "" else None
            problem = _problem(row, name, given, kinds[row.source].get(name))
            wrong += [f"line {number}: {problem}"] if problem else []
        unchanged += changes == row.changes
        known = found.setdefault((row.source, row.digest), changes)
        if known != changes:
            wrong.append(f"line {number}: the row {row.digest} has other values in a line before")
    if wrong:
        more = f"; and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
        raise UsageError(
            f"the corrected rows cannot be used: {'; '.join(wrong[:_SHOWN])}{more}",
            remedy="mend the CSV; numbers are written as their source writes them (decimal and "
            "thousands in product.yaml; with a point by default), times are like "
            "2013-07-27T06:00:00Z, true and false are written so, an empty cell is no value",
        )
    before = {(row.source, row.digest): row.changes for row in rows}
    return {row: changes for row, changes in found.items() if changes != before[row]}, unchanged


def _row_of(line: Mapping[str, str], rows: Sequence[QuarantinedRow], number: int) -> QuarantinedRow:
    known = [row for row in rows if row.digest == line[DIGEST].strip()]
    if not known or len({row.source for row in known}) > 1:
        what = "no row of the quarantine has" if not known else "rows of several sources have"
        raise UsageError(
            f"line {number} of the corrected rows: {what} the digest '{line[DIGEST]}'",
            remedy="begin with what 'mlfactory quarantine show … --out rows.csv' writes"
            if not known
            else "name the source with --source",
        )
    return known[0]


def _problem(row: QuarantinedRow, name: str, given: str, kind: pa.DataType | None) -> str:
    if kind is None or name not in row.record:
        return f"{row.source} has no column '{name}'"
    if given == "":
        return ""
    if pa.types.is_null(kind):
        return f"'{name}' never had a value, so nothing tells its type: {given!r}"
    try:
        cell(row.numbers.plain_cell(given, kind), kind)
    except ValueError as error:
        return f"{name}={given!r} is {error}"
    return ""
