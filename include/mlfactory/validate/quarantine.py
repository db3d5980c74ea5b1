"""Quarantine: the rows that are not let through, each with every reason for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

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

Reasons = Mapping[int, Sequence[str]]
"""Of each quarantined row, by its number within source and partition, why it is there."""


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
            expected = _EXPECTED.get(str(kinds[column]), str(kinds[column]))
            reason = f"{column}={text!r} cannot be read as {expected}"
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
        reasons.setdefault(row, []).append(f"{values} is the key of another row as well")
    return dict(sorted(reasons.items()))


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
