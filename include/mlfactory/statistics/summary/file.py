"""A summary as the content of a file."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mlfactory.statistics.summary.association import (
    Association,
    Crossed,
    Grouped,
    Moments,
    Paired,
)
from mlfactory.statistics.summary.columns import Column
from mlfactory.statistics.summary.distinct import Distinct
from mlfactory.statistics.summary.frequent import Frequent
from mlfactory.statistics.summary.spread import Spread
from mlfactory.statistics.summary.table import Summary
from mlfactory.statistics.tally import Tally

FORMAT = 1
_ARRAYS = ("keys", "counts", "hashes")
_DAMAGE = (KeyError, TypeError, ValueError, OSError, EOFError, zlib.error, BadZipFile)


def to_bytes(summary: Summary, about: Mapping[str, Any], tally: Tally | None = None) -> bytes:
    """Return a summary as the content of a file.

    Args:
        about: what else the file says, such as which run made it; as JSON has it.
        tally: the same rows as they fall into the bins of a reference.
    """
    columns = [*summary.columns.items(), *([("", summary.label)] if summary.label else [])]
    text: dict[str, Any] = {
        "format": FORMAT,
        "about": dict(about),
        "rows": summary.rows,
        "label": summary.label is not None,
        "columns": [_as_json(name, column) for name, column in columns],
        "tally": None if tally is None else _tally_as_json(tally),
    }
    spreads = [one.spread for _, one in columns if one.spread is not None]
    arrays = {
        "keys": _joined((each.keys for each in spreads), np.int64),
        "counts": _joined((each.counts for each in spreads), np.int64),
        "hashes": _joined((one.distinct.hashes for _, one in columns if one.distinct), np.uint64),
        "text": np.frombuffer(zlib.compress(json.dumps(text).encode(), 6), dtype=np.uint8),
    }
    if tally is not None:
        arrays["tallied"] = _joined(tally.counts.values(), np.int64)
        arrays["blocks"] = _joined([] if tally.blocks is None else [tally.blocks], np.int64)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def from_bytes(content: bytes) -> tuple[Summary, dict[str, Any]]:
    """Return the summary that a file holds, and what else the file says.

    Raises:
        ValueError: the content is not that of a summary.
    """
    try:
        text, rest = _read(content, _ARRAYS)
        columns = [(one["name"], _column(one, rest)) for one in text["columns"]]
    except _DAMAGE as error:
        raise ValueError(f"this is no summary: {error}") from error
    label = columns.pop()[1] if text["label"] else None
    return Summary(text["rows"], dict(columns), label), text["about"]


def tally_from_bytes(content: bytes) -> Tally | None:
    """Return how the rows of a file's summary fall into the bins of a reference, if it says so.

    Raises:
        ValueError: the content is not that of a summary.
    """
    try:
        found = _read(content, ())[0].get("tally")
        if found is None:
            return None
        _, rest = _read(content, ("tallied", "blocks"))
        counts = {name: _taken(rest, "tallied", bins) for name, bins in found["bins"]}
        return Tally(found["rows"], counts, rest["blocks"] if found["in_blocks"] else None)
    except _DAMAGE as error:
        raise ValueError(f"this is no summary: {error}") from error


def _read(content: bytes, names: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the text of a file, and some of its arrays."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        text = json.loads(zlib.decompress(arrays["text"].tobytes()))
        if text["format"] != FORMAT:
            raise ValueError(f"a summary of format {text['format']}, not {FORMAT}")
        return text, {name: arrays[name] for name in names}


def _tally_as_json(tally: Tally) -> dict[str, Any]:
    bins = [[name, len(counts)] for name, counts in tally.counts.items()]
    return {"rows": tally.rows, "bins": bins, "in_blocks": tally.blocks is not None}


def _joined(arrays: Iterable[Any], kind: Any) -> Any:
    return np.concatenate([np.zeros(0, kind), *arrays])


def _as_json(name: str, column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "kind": column.kind,
        "rows": column.rows,
        "missing": column.missing,
        "infinite": column.infinite,
        "hidden": column.hidden,
    }
    if column.distinct is not None:
        found["distinct"] = [column.distinct.room, len(column.distinct.hashes)]
    if column.moments is not None:
        found["moments"] = _moments(column.moments)
        found["ends"] = [column.low, column.high]
    if column.spread is not None:
        found["spread"] = [column.spread.room, column.spread.shift, len(column.spread.keys)]
    if column.frequent is not None:
        frequent = column.frequent
        found["frequent"] = [frequent.room, frequent.lost, list(frequent.counts.items())]
    if column.label is not None:
        found["label"] = _label(column.label)
    return found


def _column(one: Mapping[str, Any], arrays: dict[str, Any]) -> Column:
    """Return a column, and take what is its own from the arrays."""
    distinct = spread = frequent = moments = None
    if "distinct" in one:
        room, length = one["distinct"]
        distinct = Distinct(room, _taken(arrays, "hashes", length))
    if "moments" in one:
        moments = Moments(*one["moments"])
    if "spread" in one:
        room, shift, length = one["spread"]
        keys, counts = _taken(arrays, "keys", length), _taken(arrays, "counts", length)
        spread = Spread(room, shift, keys, counts)
    if "frequent" in one:
        room, lost, values = one["frequent"]
        frequent = Frequent(room, {str(value): int(count) for value, count in values}, lost)
    low, high = one.get("ends", (float("inf"), float("-inf")))
    return Column(
        kind=one["kind"],
        rows=one["rows"],
        missing=one["missing"],
        infinite=one["infinite"],
        distinct=distinct,
        moments=moments,
        low=low,
        high=high,
        spread=spread,
        frequent=frequent,
        hidden=one["hidden"],
        label=_association(one["label"]) if "label" in one else None,
    )


def _taken(arrays: dict[str, Any], name: str, length: int) -> Any:
    taken, arrays[name] = arrays[name][:length], arrays[name][length:]
    if len(taken) != length:
        raise ValueError(f"it lacks {name}")
    return taken


def _moments(moments: Moments) -> list[float]:
    return [moments.rows, moments.mean, moments.squares]


def _label(label: Association) -> list[Any]:
    if isinstance(label, Paired):
        return ["paired", _moments(label.column), _moments(label.label), label.products]
    if isinstance(label, Grouped):
        return ["grouped", [[name, _moments(each)] for name, each in label.groups.items()]]
    return ["crossed", [[name, dict(row)] for name, row in label.counts.items()]]


def _association(found: list[Any]) -> Association:
    kind, *rest = found
    if kind == "paired":
        return Paired(Moments(*rest[0]), Moments(*rest[1]), rest[2])
    if kind == "grouped":
        return Grouped({name: Moments(*each) for name, each in rest[0]})
    if kind == "crossed":
        return Crossed({name: row for name, row in rest[0]})
    raise ValueError(f"an association of kind '{kind}'")
