"""What a rule of ours is asked of, and how its answer is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlfactory.lake.marks import Marks, Places
from mlfactory.product.own_rules import RowRule
from mlfactory.validate.before import Before
from mlfactory.validate.conditions import rows_where
from mlfactory.validate.rules import Rule
from mlfactory.validate.shape import Shape, framed
from mlfactory.validate.suite import Outcome
from mlfactory.validate.survey import Batches

EXAMPLES = 3


@dataclass(frozen=True)
class Other:
    """Another source in the same partition.

    Attributes:
        landed: its rows as they landed.
        rows: how many those are.
        kinds: the types of its columns.
        accepted: those that are let through, as somebody corrected them; None where it was not
            checked yet, which the order of sources rules out for a rule that needs them.
    """

    landed: Batches
    rows: int
    kinds: Mapping[str, pa.DataType]
    accepted: Batches | None = None


@dataclass(frozen=True)
class Beside:
    """What lies beside the rows of a source: other sources, and earlier partitions.

    Attributes:
        before: None of rows that are of no partition in time.
        columns: with which the source landed, and their types as received; None if nobody noted.
    """

    others: Mapping[str, Other] = field(default_factory=dict)
    before: Before | None = None
    columns: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Asked:
    """The rows of a source in a partition, and what a rule may look at beside them.

    Attributes:
        rows: how many there are.
        kinds: the types of the columns.
        unread: the columns in which most cells cannot be read, with what was expected there and
            what they could be read as.
    """

    source: str
    batches: Batches
    shape: Shape
    rows: int
    kinds: Mapping[str, pa.DataType]
    beside: Beside
    unread: Mapping[str, tuple[str, str]] = field(default_factory=dict)


Answer = Callable[[Rule, Asked], Outcome]


def chosen(rule: Rule, asked: Asked) -> Iterator[tuple[pa.Table, pd.DataFrame, Places]]:
    """Yield the rows that a rule is about, in its columns: as stored, as a frame, and their places.

    Raises:
        ConditionError: if its condition cannot be answered.
    """
    start = 0
    for batch in asked.batches(columns=list(rule.needs)):
        frame, places = framed(batch, asked.shape), np.arange(start, start + batch.num_rows)
        start += batch.num_rows
        if rule.where is not None:
            kept = rows_where(rule.where, frame)
            batch, places = batch.filter(pa.array(kept)), places[kept]
            frame = frame[kept].reset_index(drop=True)
        yield batch, frame, places


def told(rule: Rule, broken: Marks, among: int, examples: Sequence[str]) -> Outcome:
    """Return what a rule about rows found.

    Args:
        broken: the rows that break it.
        among: how many could.
        examples: the values of the first of them.
    """
    own = rule.own
    assert isinstance(own, RowRule)
    keep = (among - len(broken)) / among if among else 1.0
    seen = list(dict.fromkeys(examples))
    more = ", …" if len(seen) > EXAMPLES else ""
    return Outcome(
        rule,
        "pass" if keep >= own.mostly else "fail",
        "; ".join(seen[:EXAMPLES]) + more,
        broken,
        len(broken),
    )


def written(record: Mapping[Any, Any]) -> str:
    """Return some cells of a row in words."""
    return ", ".join(f"{name}={_plain(value)}" for name, value in record.items())


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
