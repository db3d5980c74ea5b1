"""Quarantine: the rows that are not let through, each with every reason for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlfactory.validate.records import plain_cells, records_of
from mlfactory.validate.rules import NOT_NULL
from mlfactory.validate.suite import Outcome
from mlfactory.validate.unread import expected

SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("landing", pa.string()),
        ("row", pa.int64()),
        ("key", pa.string()),
        ("digest", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("kinds", pa.list_(pa.string())),
        ("only_corrected", pa.string()),
        ("record", pa.string()),
    ]
)

SAMPLE = 10_000
"""So many bad rows are kept of a source that has more of them than its budget; they are counted."""

_DIGEST = 16
"""Hexadecimal digits of a record's digest."""

# cells hold no circles
_ENCODER = json.JSONEncoder(default=str, ensure_ascii=False, check_circular=False)

_REPEATED = "is the key of another row as well"


@dataclass(frozen=True)
class Reason:
    """Why a row is not let through.

    Attributes:
        kind: the same for all rows that are bad for this reason, without their values.
        text: with the values of the row.
        stays: the row cannot be accepted as it is, whoever says so: nothing would know what or
            when it is.
    """

    kind: str
    text: str
    stays: bool = False

    def __str__(self) -> str:
        return self.text


DISCARDED = Reason("discarded, and breaks no rule", "was discarded, and breaks no rule")
"""Why a row is there that is good but for what somebody decided."""

Reasons = Mapping[int, Sequence[Reason]]
"""Of each quarantined row, by its number within source and partition, why it is there."""


@dataclass(frozen=True)
class Bad:
    """A quarantined row.

    Attributes:
        row: its place within its landing, which another landing gives to another row.
        reasons: every reason why it is not let through, in words.
        kinds: the same reasons without the values of the row.
        only_corrected: why it cannot be accepted as it is, None if it can.
        record: what was received, as JSON.
        key: the values of the source's key as JSON, None if it has no key or they are missing.
        digest: of the record alone, by which the same row is known in another landing.
    """

    source: str
    row: int
    reasons: tuple[str, ...]
    record: str
    key: str | None = None
    kinds: tuple[str, ...] = ()
    only_corrected: str | None = None

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
    repeated: Collection[int] = (),
    refused: pd.Series | None = None,
) -> dict[int, list[Reason]]:
    """Return why each bad row is bad.

    That is for unreadable cells, what cleaning refuses, broken critical rules, no event time, or a
    key seen before.

    Args:
        frame: rows of a source, with a range index.
        rescued: of each row, the JSON of the cells that could not be read, or null.
        kinds: the types of the columns.
        outcomes: of the rules, with the rows of `frame` that break them.
        key: the columns that name a row; none if nothing does.
        event_time: the column that tells a row's partition.
        repeated: the rows with the key of another.
        refused: of each row, the JSON of what cleaning has against it, or null.
    """
    reasons: dict[int, list[Reason]] = {}
    for row, texts in rescued.dropna().items():
        for column, text in json.loads(texts).items():
            asked = expected(kinds[column])
            words = f"{column}={text!r} cannot be read as {asked}"
            reasons.setdefault(int(str(row)), []).append(
                Reason(unread_kind(column, kinds[column]), words, column == event_time)
            )
    for row, said in () if refused is None else refused.dropna().items():
        for kind, words in json.loads(said):
            reasons.setdefault(int(str(row)), []).append(Reason(kind, words))
    for outcome in outcomes:
        if not takes_out(outcome):
            continue
        kind, condition = str(outcome.rule), outcome.rule.condition
        stays = is_needed(outcome, (*key, event_time))
        for row, values in _values(frame, outcome.rows, outcome.rule.columns):
            reason = Reason(kind, f"{values} breaks {condition}", stays)
            reasons.setdefault(row, []).append(reason)
    for row in undated_rows(frame, event_time):
        # whatever the rules of the spec are, a row of no partition is of no use to any
        if not any(reason.stays for reason in reasons.get(row, ())):
            reason = Reason(undated_kind(event_time), f"has no {event_time}", True)
            reasons.setdefault(row, []).append(reason)
    for row, values in _values(frame, repeated, key):
        reason = Reason(repeated_kind(key), f"{values} {_REPEATED}", True)
        reasons.setdefault(row, []).append(reason)
    return dict(sorted(reasons.items()))


def takes_out(outcome: Outcome) -> bool:
    """Tell whether the rows that break a rule are bad for that."""
    return outcome.state == "fail" and outcome.rule.severity == "critical"


def is_needed(outcome: Outcome, needed: Collection[str | None]) -> bool:
    """Tell whether a rule asks that there is what no row can do without: its key, its time."""
    return outcome.rule.type == NOT_NULL and set(outcome.rule.columns) <= set(needed)


def unread_kind(column: str, kind: pa.DataType) -> str:
    """Return the reason that a cell of a column cannot be read."""
    return f"{column} cannot be read as {expected(kind)}"


def undated_kind(event_time: str | None) -> str:
    """Return the reason that a row has no event time."""
    return f"has no {event_time}"


def repeated_kind(key: Sequence[str]) -> str:
    """Return the reason that a row has the key of another."""
    return f"({', '.join(key)}) {_REPEATED}"


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
    numbers: Sequence[int] | None = None,
) -> list[Bad]:
    """Return the quarantined rows of a source, each with its record as it was received.

    Args:
        frame: the rows as they landed, and so `rescued`.
        numbers: of each row of the frame the place within its landing; that in the frame by
            default.
    """
    places = list(reasons)
    records = records_of(frame.iloc[places])
    unread = rescued.iloc[places].tolist()
    found = []
    for row, received, texts in zip(places, records, unread, strict=True):
        if isinstance(texts, str):
            received |= json.loads(texts)
        named = {name: received[name] for name in key}
        staying = "; ".join(each.text for each in reasons[row] if each.stays)
        found.append(
            Bad(
                source,
                row if numbers is None else numbers[row],
                tuple(each.text for each in reasons[row]),
                _as_json(received),
                _as_json(named) if named and None not in named.values() else None,
                tuple(dict.fromkeys(each.kind for each in reasons[row])),
                staying or None,
            )
        )
    return found


def as_table(bad: Sequence[Bad], landing: str) -> pa.Table:
    """Return quarantined rows of a landing as the table `quarantine` has them."""
    columns = {
        "source": [each.source for each in bad],
        "landing": [landing] * len(bad),
        "row": [each.row for each in bad],
        "key": [each.key for each in bad],
        "digest": [each.digest for each in bad],
        "reasons": [each.reasons for each in bad],
        "kinds": [each.kinds for each in bad],
        "only_corrected": [each.only_corrected for each in bad],
        "record": [each.record for each in bad],
    }
    return pa.table(columns, schema=SCHEMA)


def _as_json(content: Mapping[str, Any]) -> str:
    return _ENCODER.encode(content)


def _values(
    frame: pd.DataFrame, rows: Collection[int], columns: Sequence[str]
) -> Iterator[tuple[int, str]]:
    """Yield rows with their values in some columns, in words."""
    places = list(rows)
    if not places:
        return  # a rule about a column that is not there takes no row out
    cells = [plain_cells(frame[name].iloc[places]) for name in columns]
    for place, *values in zip(places, *cells, strict=True):
        told = zip(columns, values, strict=True)
        yield place, ", ".join(f"{name}={value!r}" for name, value in told)
