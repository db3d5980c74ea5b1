"""A batch as a CSV that a person fills, and the answers that such a CSV holds."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from typing import Any

from mlfactory.labelling.drawing import queue_of
from mlfactory.lake.answers import Answer, Batch, Value, read_batches
from mlfactory.lake.formulas import guarded, unguarded
from mlfactory.lake.sheets import lines_of
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product

ROW, PARTITION, LABEL = "_row", "_partition", "_label"
OURS = (ROW, PARTITION, LABEL)
"""The columns that are ours; those of the product's may have any other name."""

_BINARY: Mapping[str, float] = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0}
_SHOWN = 5


def as_csv(product: Product, batch: Batch) -> str:
    """Return a batch as CSV, its column `_label` empty; what the model said is not told.

    Who answers would else answer what the model said.
    """
    features = product.spec.features
    named = [name for name in features.key if name != features.event_time]
    shown = list(dict.fromkeys(name for row in batch.rows for name in row.shows))
    shown = [name for name in shown if name not in (*named, features.event_time)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*OURS, *named, features.event_time, *shown])
    for row in batch.rows:
        cells = [*row.key, row.at, *(row.shows.get(name) for name in shown)]
        writer.writerow([row.row, batch.partition, "", *(guarded(_text(cell)) for cell in cells)])
    return text.getvalue()


def read_sheet(product: Product, text: str) -> dict[str, Answer]:
    """Return the answers of a CSV, by the row that each is about; rows without one are left out.

    Raises:
        UsageError: if it is no such CSV, names a row that nobody asks about, has two labels for
            one, or one that is none of the label's kind: with line and column.
    """
    queue_of(product)
    lines = lines_of(text, (ROW, LABEL), what="the answers", written_by="mlfactory labels export")
    asked = {
        row.row: batch.partition
        for batch in read_batches(product.name).values()
        for row in batch.rows
    }
    found: dict[str, Answer] = {}
    wrong: list[str] = []
    for number, line in lines:
        row, said = line[ROW].strip(), unguarded(line[LABEL].strip())
        if not said:
            continue
        if row not in asked:
            wrong.append(f"line {number}, column {ROW}: nobody is asked about the row {row!r}")
            continue
        try:
            answer = Answer(row, asked[row], label_of(product, said))
        except ValueError as error:
            wrong.append(f"line {number}, column {LABEL}: {said!r} is not {error}")
            continue
        if found.setdefault(row, answer) != answer:
            wrong.append(f"line {number}, column {LABEL}: the row {row} has another label before")
    if wrong:
        more = f"; and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
        raise UsageError(
            f"the answers cannot be used: {'; '.join(wrong[:_SHOWN])}{more}",
            remedy="mend the CSV; nothing of it was taken. It begins as "
            f"'mlfactory labels export {product.name}' writes it",
        )
    return found


def label_of(product: Product, said: str) -> Value:
    """Return what somebody wrote as a label of the product's kind.

    Raises:
        ValueError: it is none; says what it has to be.
    """
    kind = product.spec.label.kind
    if kind == "multiclass":
        classes = queue_of(product).classes
        if said not in classes:
            raise ValueError(f"one of {list(classes)}")
        return said
    if kind == "binary":
        if said.lower() not in _BINARY:
            raise ValueError("0 or 1 (or false or true)")
        return _BINARY[said.lower()]
    try:
        number = float(said)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("a number, with a point and no other sign in it")
    return number


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
