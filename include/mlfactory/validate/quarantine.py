"""Quarantine: the rows that are not let through, each with every reason for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlfactory.product.sources import ColumnType
from mlfactory.validate.suite import Outcome

SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("row", pa.int64()),
        ("reasons", pa.list_(pa.string())),
        ("record", pa.string()),
    ]
)

_EXPECTED = {
    "double": "a number",
    "int64": "a whole number",
    "bool": "true or false",
    "timestamp[us, tz=UTC]": "a time",
}

_REPEATED = "is the key of another row as well"

Reasons = Mapping[int, Sequence[str]]
"""Of each quarantined row, by its number within source and partition, why it is there."""


@dataclass(frozen=True)
class Unread:
    """The cells of a column that cannot be read in its type.

    Attributes:
        expected: what its type asks for.
        readable_as: the type, as product.yaml has it, in which all of them could be read.
    """

    column: str
    cells: int
    example: str
    expected: str
    readable_as: ColumnType

    def __str__(self) -> str:
        return (
            f"{self.cells:,} cells of '{self.column}' cannot be read as {self.expected}, "
            f"such as {self.example!r}"
        )


@dataclass(frozen=True)
class Bad:
    """A quarantined row: its source, number, reasons, and what was received."""

    source: str
    row: int
    reasons: tuple[str, ...]
    record: str


def reasons_of(
    frame: pd.DataFrame,
    rescued: pd.Series,
    kinds: Mapping[str, pa.DataType],
    outcomes: Iterable[Outcome],
    key: Sequence[str],
) -> dict[int, list[str]]:
    """Return why each bad row is bad: unreadable cells, broken critical rules, a key seen before.

    Args:
        frame: the rows of a source, with a range index.
        rescued: of each row, the JSON of the cells that could not be read, or null.
        kinds: the types of the columns.
        outcomes: of the rules that were run on `frame`.
        key: the columns that name a row; none if nothing does.
    """
    reasons: dict[int, list[str]] = {}
    for row, texts in rescued.dropna().items():
        for column, text in json.loads(texts).items():
            reason = f"{column}={text!r} cannot be read as {_expected(kinds[column])}"
            reasons.setdefault(int(str(row)), []).append(reason)
    for outcome in outcomes:
        if outcome.state != "fail" or outcome.rule.severity != "critical":
            continue
        for row in outcome.rows:
            values = ", ".join(
                f"{name}={_plain(frame.at[row, name])!r}" for name in outcome.rule.columns
            )
            reasons.setdefault(row, []).append(f"{values} breaks {outcome.rule.condition}")
    for row in _repeated(frame, key, reasons):
        values = ", ".join(f"{name}={_plain(frame.at[row, name])!r}" for name in key)
        reasons.setdefault(row, []).append(f"{values} {_REPEATED}")
    return dict(sorted(reasons.items()))


def unread_cells(rescued: pd.Series, kinds: Mapping[str, pa.DataType]) -> tuple[Unread, ...]:
    """Return the columns with cells that could not be read, those with most of them first."""
    texts: dict[str, list[str]] = {}
    for cells in rescued.dropna():
        for column, text in json.loads(cells).items():
            texts.setdefault(column, []).append(text)
    found = [
        Unread(
            column,
            len(given),
            given[0],
            _expected(kinds[column]),
            "float" if pd.to_numeric(pd.Series(given), errors="coerce").notna().all() else "string",
        )
        for column, given in texts.items()
    ]
    return tuple(sorted(found, key=lambda unread: -unread.cells))


def repeated_keys(reasons: Reasons) -> int:
    """Return how many rows are bad because another row has their key."""
    return sum(found[-1].endswith(_REPEATED) for found in reasons.values())


def bad_rows(source: str, frame: pd.DataFrame, rescued: pd.Series, reasons: Reasons) -> list[Bad]:
    """Return the quarantined rows of a source, each with its record as it was received."""
    places = list(reasons)
    records = frame.iloc[places].to_dict(orient="records")
    found = []
    for row, record in zip(places, records, strict=True):
        texts = rescued.iloc[row]
        received = {str(name): _plain(value) for name, value in record.items()}
        if isinstance(texts, str):
            received |= json.loads(texts)
        written = json.dumps(received, default=str, ensure_ascii=False)
        found.append(Bad(source, row, tuple(reasons[row]), written))
    return found


def as_table(bad: Sequence[Bad]) -> pa.Table:
    """Return quarantined rows as the table `quarantine` has them."""
    rows = [
        {"source": b.source, "row": b.row, "reasons": list(b.reasons), "record": b.record}
        for b in bad
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _expected(kind: pa.DataType) -> str:
    return _EXPECTED.get(str(kind), str(kind))


def _repeated(frame: pd.DataFrame, key: Sequence[str], reasons: Reasons) -> list[int]:
    """Return the rows whose key another row has, but for the first; good rows come before bad."""
    if not key or frame.empty:
        return []
    bad = np.zeros(len(frame), dtype=bool)
    bad[list(reasons)] = True
    order = np.argsort(bad, kind="stable")
    keys = frame[list(key)].iloc[order]
    repeated = keys.duplicated(keep="first") & keys.notna().all(axis="columns")
    return sorted(int(row) for row in order[repeated.to_numpy()])


def _plain(value: Any) -> Any:
    """Return a cell as plain Python has it, None if it is null."""
    if isinstance(value, list | dict | np.ndarray):
        return value if not isinstance(value, np.ndarray) else value.tolist()
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value
