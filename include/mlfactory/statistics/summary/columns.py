"""The summary of a column: what there is to say of it without its rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.statistics.statistic import Floats, Ints
from mlfactory.statistics.summary.association import (
    Association,
    Moments,
    Told,
    added,
    moments_of,
    with_categories,
    with_numbers,
)
from mlfactory.statistics.summary.distinct import (
    Distinct,
    distinct_numbers,
    distinct_words,
)
from mlfactory.statistics.summary.frequent import Frequent, frequent_of, shortened
from mlfactory.statistics.summary.sorting import sorted_distinct
from mlfactory.statistics.summary.spread import Spread, spread_of

_T = TypeVar("_T", Distinct, Moments, Spread, Frequent)

ColumnKind = Literal["number", "text", "time", "other"]

_PROBE = 2048
_FEW = 512
"""Of a column with no more distinct values in the probe, values are counted before all else."""


@dataclass(frozen=True, eq=False)
class Column:
    """What there is to say of a column.

    Attributes:
        missing: rows without a value.
        infinite: rows whose number is not finite; they count in nothing below.
        distinct: of lists and the like nobody knows.
        moments: of numbers; of times the seconds since 1970. Likewise `low`, `high`, `spread`.
        frequent: of text.
        hidden: its values are nobody's business, and not here: only how many there are.
        label: how it goes with the label, where that was known.
    """

    kind: ColumnKind
    rows: int = 0
    missing: int = 0
    infinite: int = 0
    distinct: Distinct | None = None
    moments: Moments | None = None
    low: float = math.inf
    high: float = -math.inf
    spread: Spread | None = None
    frequent: Frequent | None = None
    hidden: bool = False
    label: Association | None = None

    @property
    def present(self) -> int:
        """Return how many rows have a value."""
        return self.rows - self.missing

    def __add__(self, other: Column) -> Column:
        """Return the summary of the rows of both; of a column of two kinds only rows are told."""
        rows, missing = self.rows + other.rows, self.missing + other.missing
        if self.kind != other.kind:
            for one, empty in ((self, other), (other, self)):
                # a column without any value is of no kind
                if empty.kind == "other" and empty.missing == empty.rows:
                    return replace(one, rows=rows, missing=missing)
            return Column("other", rows, missing, hidden=self.hidden or other.hidden)
        hidden = self.hidden or other.hidden
        return Column(
            self.kind,
            rows,
            missing,
            self.infinite + other.infinite,
            _both(self.distinct, other.distinct),
            None if hidden else _both(self.moments, other.moments),
            math.inf if hidden else min(self.low, other.low),
            -math.inf if hidden else max(self.high, other.high),
            None if hidden else _both(self.spread, other.spread),
            None if hidden else _both(self.frequent, other.frequent),
            hidden,
            None if hidden else added(self.label, other.label),
        )


def column_of(
    values: pa.ChunkedArray, room: int, told: Told | None = None, *, hidden: bool = False
) -> Column:
    """Return the summary of a column.

    Args:
        values: (rows,) of any type.
        room: bins, hashes and frequent values that are kept at most.
        told: the labels of the rows.
        hidden: whether no value of it may be told.
    """
    kind = kind_of(values.type)
    rows, missing = len(values), values.null_count
    if kind == "other":
        return Column(kind, rows, missing, hidden=hidden)
    if kind == "text":
        return _text(values, room, told, hidden)
    numbers = _as_numbers(values)
    absent = np.isnan(numbers)
    missing = int(absent.sum())
    usable = np.isfinite(numbers)
    infinite = rows - missing - int(usable.sum())
    if not usable.all():
        numbers = numbers[usable]
        told = told.at(usable) if told else None
    few = _counted(numbers)
    distinct_values, counts = (numbers, None) if few is None else few
    distinct = distinct_numbers(distinct_values, room)
    if hidden:
        return Column(kind, rows, missing, infinite, distinct, hidden=True)
    return Column(
        kind,
        rows,
        missing,
        infinite,
        distinct,
        moments_of(distinct_values, counts),
        float(distinct_values.min()) if len(numbers) else math.inf,
        float(distinct_values.max()) if len(numbers) else -math.inf,
        spread_of(distinct_values, room, counts),
        label=with_numbers(numbers, told) if told and kind == "number" else None,
    )


def kind_of(kind: pa.DataType) -> ColumnKind:
    """Return as what a column of some type is looked at."""
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "time"
    words = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if words or pa.types.is_boolean(kind) or pa.types.is_string_view(kind):
        return "text"
    if pa.types.is_dictionary(kind):
        return "text" if kind_of(kind.value_type) == "text" else "other"
    return "other"


def _as_numbers(values: pa.ChunkedArray) -> Floats:
    """Return numbers as float64, times as seconds since 1970; nan where there is none."""
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("ms"))
    if pa.types.is_timestamp(values.type):
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[values.type.unit]
        return _as_numbers(values.cast(pa.int64())) / per_second
    if pa.types.is_decimal(values.type) or values.null_count:
        values = values.cast(pa.float64(), safe=False)
    return np.asarray(values.to_numpy(), dtype=np.float64)


def _counted(numbers: Floats) -> tuple[Floats, Ints] | None:
    """Return the distinct numbers with how often each is there, None where they are many."""
    probe = numbers[:: max(1, len(numbers) // _PROBE)]
    if len(sorted_distinct(probe)) > min(_FEW, max(1, len(probe) // 2)):
        return None
    found = pa.array(numbers).value_counts()
    return found.field("values").to_numpy(), found.field("counts").to_numpy()


def _text(values: pa.ChunkedArray, room: int, told: Told | None, hidden: bool) -> Column:
    rows, missing = len(values), values.null_count
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.string())
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    whole = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], values.type)
    names = whole.dictionary
    codes = pc.fill_null(whole.indices, -1).to_numpy().astype(np.intp)
    present = codes >= 0
    sizes = np.bincount(codes[present], minlength=len(names))
    # a dictionary may hold values that no row has
    there = np.flatnonzero(sizes)
    seen = names if len(there) == len(names) else names.take(pa.array(there))
    distinct = distinct_words(seen.to_numpy(False), room)
    if hidden:
        return Column("text", rows, missing, 0, distinct, hidden=True)
    ranked = _most(there, sizes[there], room + 1)
    kept = ranked[:room]
    # of the first that is left out all others are no more frequent
    lost = int(sizes[ranked[room]]) if len(ranked) > room else 0
    words = names.take(pa.array(kept)).to_pylist()
    counts: dict[str, int] = {}
    for word, size in zip(words, sizes[kept].tolist(), strict=True):
        counts[shortened(word)] = counts.get(shortened(word), 0) + size
    label = None
    if told is not None:
        place = np.full(len(names) + 1, len(kept), dtype=np.intp)
        place[kept] = np.arange(len(kept))
        own = place[codes[present]]
        label = with_categories(own, (*map(shortened, words), None), told.at(present))
    return Column(
        "text", rows, missing, 0, distinct, frequent=frequent_of(counts, room, lost), label=label
    )


def _most(places: Ints, sizes: Ints, wanted: int) -> Ints:
    """Return the places of the largest sizes, the largest first, and of equal ones the first."""
    if len(places) > wanted:
        among_them = sizes >= np.partition(sizes, len(sizes) - wanted)[len(sizes) - wanted]
        places, sizes = places[among_them], sizes[among_them]
    return places[np.argsort(-sizes, kind="stable")][:wanted]


def _both(one: _T | None, other: _T | None) -> _T | None:
    if one is None or other is None:
        return one if other is None else other
    return one + other
