"""Rules that a source has kept so far, each with what it rests on: a first draft for people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.cleaning import Cleaning
from mlfactory.lake.catalog import EMPTY, RAW_HELPERS, raw
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import as_received
from mlfactory.product.loader import Product
from mlfactory.validate.rules import rules_for

MOST_VALUES = 20
"""A text with more distinct values than this is no category."""

FEWEST_ROWS = 100
"""Rows below which nothing is said: what held for fewer may hold by chance."""

_SEEN_OFTEN = 5
"""Rows of each value of a category; a rarer one tells that there are others."""

_LONGEST = 200
"""Characters of evidence."""

_ROOM = 0.1
"""By how much of its spread a range is made wider on both sides."""


@dataclass(frozen=True)
class Suggested:
    """A rule as product.yaml has it, and the evidence for it in words."""

    rule: Mapping[str, Any]
    evidence: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the column that the rule is about; none for a rule about the table."""
        return (self.rule["column"],) if "column" in self.rule else ()


@dataclass
class Seen:
    """What was seen of a column, all partitions together.

    Attributes:
        missing: the share of cells without a value, by partition.
        values: how often each value was there, with the first partition it was in; None as soon
            as they are too many.
        ends: the least and the greatest, of numbers.
        lengths: the shortest and the longest, of text.
    """

    kind: pa.DataType
    rows: int = 0
    missing: dict[str, float] = field(default_factory=dict)
    values: dict[Any, int] | None = field(default_factory=dict)
    since: dict[Any, str] = field(default_factory=dict)
    ends: tuple[float, float] | None = None
    lengths: tuple[int, int] | None = None


def suggest(product: Product, source: str, keys: Sequence[str]) -> list[Suggested]:
    """Return rules that the landed rows of a source keep in some partitions.

    Nothing is suggested that is asked of the source already.

    Args:
        keys: of partitions that have landed, oldest first.
    """
    counts, columns = _look(product, source, keys)
    if sum(counts.values()) < FEWEST_ROWS:
        return []
    # that there is a row at all is asked of every source, and says little
    asked = {
        (rule.type, rule.columns)
        for rule in rules_for(product, source)
        if rule.path or rule.columns
    }
    found = [*_of_table(counts)]
    for name, seen in columns.items():
        found += _of_column(name, seen, keys)
    return [each for each in found if (each.rule["type"], each.columns) not in asked]


def _look(
    product: Product, source: str, keys: Sequence[str]
) -> tuple[dict[str, int], dict[str, Seen]]:
    counts: dict[str, int] = Counter()
    columns: dict[str, Seen] = {}
    for key in keys:
        nulls: Counter[str] = Counter()
        for rows in _rows(product, source, key):
            counts[key] += rows.num_rows
            for name in rows.column_names:
                if name in RAW_HELPERS or name.startswith(EMPTY):
                    continue
                column = rows.column(name)
                seen = columns.setdefault(name, Seen(column.type))
                nulls[name] += column.null_count
                _add(seen, column.drop_null(), key)
        for name, seen in columns.items():
            seen.rows += counts[key]
            seen.missing[key] = nulls[name] / counts[key] if counts[key] else 0.0
    return counts, columns


def _rows(product: Product, source: str, key: str) -> Iterator[pa.Table]:
    """Yield the landed rows of a partition, as its rules will meet them: cleaned, if they are."""

    def again() -> Iterator[pa.Table]:
        return map(as_received, Lake(product.name).batches(raw(source), [key]))

    first = next(again(), None)
    if first is None or not product.spec.sources[source].clean:
        return again()
    return Cleaning(product, source, first.schema).rows(again, "")


def _add(seen: Seen, values: pa.ChunkedArray, key: str) -> None:
    if not len(values):
        return
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        ends = pc.min_max(values).as_py()
        low, high = float(ends["min"]), float(ends["max"])
        seen.ends = (
            (low, high) if not seen.ends else (min(low, seen.ends[0]), max(high, seen.ends[1]))
        )
    elif pa.types.is_string(kind):
        ends = pc.min_max(pc.utf8_length(values)).as_py()
        short, long = ends["min"], ends["max"]
        if seen.lengths:
            short, long = min(short, seen.lengths[0]), max(long, seen.lengths[1])
        seen.lengths = (short, long)
        _count(seen, values, key)


def _count(seen: Seen, values: pa.ChunkedArray, key: str) -> None:
    if seen.values is None:
        return
    for told in values.value_counts().to_pylist():
        seen.values[told["values"]] = seen.values.get(told["values"], 0) + told["counts"]
        seen.since.setdefault(told["values"], key)
        if len(seen.values) > MOST_VALUES:
            seen.values = None
            return


def _of_table(counts: Mapping[str, int]) -> Iterator[Suggested]:
    least, most = min(counts.values()), max(counts.values())
    of = f"{len(counts)} partitions, with {least:,} to {most:,} rows"
    rule = {
        "type": "expect_table_row_count_to_be_between",
        "min_value": least // 2,
        "max_value": most * 2,
        "severity": "warning",
    }
    yield Suggested(rule, f"{of}; half of the fewest to twice the most")


def _of_column(name: str, seen: Seen, keys: Sequence[str]) -> Iterator[Suggested]:
    yield from _of_missing(name, seen)
    # of a column with one value nobody can tell how far it goes
    if (
        seen.ends
        and seen.ends[0] < seen.ends[1]
        and math.isfinite(2 * (seen.ends[1] - seen.ends[0]))
    ):
        yield _of_range(name, seen, *seen.ends)
    if seen.values and _is_category(seen, keys):
        counts = sorted(seen.values.items(), key=lambda each: -each[1])
        rule = {
            "type": "expect_column_values_to_be_in_set",
            "column": name,
            "value_set": sorted(seen.values),
        }
        shown = ", ".join(f"{value} {count:,}" for value, count in counts[:5])
        yield Suggested(rule, f"{len(counts)} values, none new since {keys[0]}: {shown}")
    elif seen.lengths and seen.lengths[0] == seen.lengths[1] > 1:
        length = seen.lengths[0]
        alike: dict[str, Any] = {
            "type": "expect_column_value_lengths_to_equal",
            "column": name,
            "value": length,
            "severity": "warning",
        }
        yield Suggested(alike, f"each of {seen.rows:,} rows has {length} characters or none")


def _of_missing(name: str, seen: Seen) -> Iterator[Suggested]:
    most = max(seen.missing.values(), default=0.0)
    rule: dict[str, Any] = {"type": "expect_column_values_to_not_be_null", "column": name}
    if not most:
        yield Suggested(rule, f"none of {seen.rows:,} rows is without")
        return
    # half as many again, and a hundredth for columns that nearly always have a value
    mostly = math.floor((1 - 1.5 * most - 0.01) * 100) / 100
    if mostly > 0:
        shares = f"{min(seen.missing.values()):.2%} to {most:.2%} of a partition's rows are without"
        yield Suggested({**rule, "mostly": mostly, "severity": "warning"}, shares)


def _of_range(name: str, seen: Seen, low: float, high: float) -> Suggested:
    room = (high - low) * _ROOM
    least, most = low - room, high + room
    if low >= 0:
        # what is never below nothing seldom can be
        least = max(least, 0.0)
    rule = {
        "type": "expect_column_values_to_be_between",
        "column": name,
        "min_value": _plain(least, seen.kind, down=True),
        "max_value": _plain(most, seen.kind, down=False),
        "severity": "warning",
    }
    return Suggested(
        rule, f"{low:,.6g} to {high:,.6g} in {seen.rows:,} rows; a tenth more each way"
    )


def _plain(value: float, kind: pa.DataType, *, down: bool) -> float:
    """Return a bound with no more digits than anybody reads, on the safe side."""
    if pa.types.is_integer(kind) or not value:
        return math.floor(value) if down else math.ceil(value)
    scale = 10 ** (2 - math.floor(math.log10(abs(value))))
    rounded = (math.floor if down else math.ceil)(value * scale) / scale
    return int(rounded) if rounded == int(rounded) else rounded


def _is_category(seen: Seen, keys: Sequence[str]) -> bool:
    """Tell whether a text has few values, each often, and none that came after the beginning."""
    values = seen.values or {}
    first = set(keys[: max(1, len(keys) // 2)])
    return all(
        count >= _SEEN_OFTEN and seen.since[value] in first for value, count in values.items()
    )


def as_yaml(found: Mapping[str, Sequence[Suggested]], about: Iterable[str]) -> str:
    """Return rules as the section `expect` of a product.yaml, each below its evidence.

    Args:
        about: lines of comment to begin with.
    """
    import yaml

    lines = [f"# {line}".rstrip() for line in about] + ["expect:"]
    for source, rules in found.items():
        lines.append(f"  {source}:")
        for each in rules:
            # a value may hold anything, the end of a line as well
            lines.append(f"    # {' '.join(each.evidence.split())[:_LONGEST]}")
            text = yaml.safe_dump(
                dict(each.rule), default_flow_style=True, sort_keys=False, width=10_000
            )
            lines.append(f"    - {text.strip()}")
    return "\n".join(lines) + "\n"
