"""Quarantine: the rows that are not let through, each with every reason for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
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
        ("landing", pa.string()),
        ("row", pa.int64()),
        ("key", pa.string()),
        ("digest", pa.string()),
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

_DIGEST = 16
"""Hexadecimal digits of a record's digest."""

_EXACT = 2**53
"""Up to here every whole number is a float as well."""

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
    """A quarantined row.

    Attributes:
        row: its place within its landing, which another landing gives to another row.
        reasons: every reason why it is not let through.
        record: what was received, as JSON.
        key: the values of the source's key as JSON, None if it has no key or they are missing.
        digest: of the record alone, by which the same row is known in another landing.
    """

    source: str
    row: int
    reasons: tuple[str, ...]
    record: str
    key: str | None = None

    @property
    def digest(self) -> str:
        """Return the digest of the record."""
        return hashlib.sha256(self.record.encode()).hexdigest()[:_DIGEST]


def reasons_of(
    frame: pd.DataFrame,
    rescued: pd.Series,
    kinds: Mapping[str, pa.DataType],
    outcomes: Iterable[Outcome],
    key: Sequence[str],
    event_time: str | None = None,
    repeated: Collection[int] | None = None,
) -> dict[int, list[str]]:
    """Return why each bad row is bad.

    That is for unreadable cells, broken critical rules, no event time, or a key seen before.

    Args:
        frame: the rows of a source, with a range index.
        rescued: of each row, the JSON of the cells that could not be read, or null.
        kinds: the types of the columns.
        outcomes: of the rules that were run on `frame`.
        key: the columns that name a row; none if nothing does.
        event_time: the column that tells a row's partition.
        repeated: the rows with the key of another, where `frame` does not have all rows.
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
    for row in undated_rows(frame, event_time):
        # whatever the rules of the spec are, a row of no partition is of no use to any
        if row not in reasons:
            reasons[row] = [f"has no {event_time}"]
    for row in _repeated(frame, key, reasons) if repeated is None else repeated:
        values = ", ".join(f"{name}={_plain(frame.at[row, name])!r}" for name in key)
        reasons.setdefault(row, []).append(f"{values} {_REPEATED}")
    return dict(sorted(reasons.items()))


def unread_cells(
    rescued: pd.Series, kinds: Mapping[str, pa.DataType], but: str | None = None
) -> tuple[Unread, ...]:
    """Return the columns with cells that could not be read, those with most of them first.

    Args:
        but: a column to leave out.
    """
    texts: dict[str, list[str]] = {}
    for cells in rescued.dropna():
        for column, text in json.loads(cells).items():
            if column != but:
                texts.setdefault(column, []).append(text)
    found = [
        Unread(
            column,
            len(given),
            given[0],
            _expected(kinds[column]),
            "float" if _are_numbers(pd.Series(given)) else "string",
        )
        for column, given in texts.items()
    ]
    return tuple(sorted(found, key=lambda unread: -unread.cells))


def _are_numbers(texts: pd.Series) -> bool:
    """Tell whether texts are numbers; with leading zeros they are codes."""
    numbers = pd.to_numeric(texts, errors="coerce").notna()
    return bool((numbers & ~texts.str.match(r"\s*[+-]?0\d")).all())


def repeated_keys(reasons: Reasons) -> int:
    """Return how many rows are bad because another row has their key."""
    return sum(found[-1].endswith(_REPEATED) for found in reasons.values())


def undated_rows(frame: pd.DataFrame, event_time: str | None) -> list[int]:
    """Return the places of the rows that have no event time."""
    if event_time is None or event_time not in frame:
        return []
    return [int(row) for row in np.flatnonzero(frame[event_time].isna())]


def bad_rows(
    source: str,
    frame: pd.DataFrame,
    rescued: pd.Series,
    reasons: Reasons,
    key: Sequence[str] = (),
) -> list[Bad]:
    """Return the quarantined rows of a source, each with its record as it was received."""
    places = list(reasons)
    records = frame.iloc[places].to_dict(orient="records")
    found = []
    for row, record in zip(places, records, strict=True):
        texts = rescued.iloc[row]
        received = {str(name): _as_given(value) for name, value in record.items()}
        if isinstance(texts, str):
            received |= json.loads(texts)
        named = {name: received[name] for name in key}
        found.append(
            Bad(
                source,
                row,
                tuple(reasons[row]),
                _as_json(received),
                _as_json(named) if named and None not in named.values() else None,
            )
        )
    return found


def as_table(bad: Sequence[Bad], landing: str) -> pa.Table:
    """Return quarantined rows of a landing as the table `quarantine` has them."""
    rows = [
        {
            "source": b.source,
            "landing": landing,
            "row": b.row,
            "key": b.key,
            "digest": b.digest,
            "reasons": list(b.reasons),
            "record": b.record,
        }
        for b in bad
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _as_json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, default=str, ensure_ascii=False)


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


def _as_given(value: Any) -> Any:
    """Return a cell as it is in itself: that other rows have gaps must not make a 3 a 3.0."""
    value = _plain(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value


def _plain(value: Any) -> Any:
    """Return a cell as plain Python has it, None if it is null."""
    if isinstance(value, list | dict | np.ndarray):
        return value if not isinstance(value, np.ndarray) else value.tolist()
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value
