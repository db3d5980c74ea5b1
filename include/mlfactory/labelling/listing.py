"""How far people have come with the rows that they are asked to label, and how far they agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from mlfactory.lake.answers import Answers, Batch, read_answers, read_batches
from mlfactory.lake.catalog import AVAILABLE_AT, LABEL, TOLD_AS, TOLD_BY
from mlfactory.lake.settled import PEOPLE, Settled, settle
from mlfactory.product.loader import Product
from mlfactory.statistics.agreement import Agreement, agreement

_ROW = "row"


@dataclass(frozen=True)
class Queue:
    """The rows of a partition that people are asked to label, and what they said.

    Attributes:
        answered: how many have an answer.
        people: how many people gave one.
        several: how many rows more than one answered.
        differing: of how many of those they differ; a row is settled by most of them.
        open: how many have answers and no label, as no label has most of them.
    """

    batch: Batch
    answered: int
    people: int
    several: int
    differing: int
    open: int

    @property
    def drawn(self) -> Mapping[str, int]:
        """Return how many rows were chosen how."""
        found: dict[str, int] = {}
        for row in self.batch.rows:
            found[row.drawn] = found.get(row.drawn, 0) + 1
        return found


@dataclass(frozen=True)
class Pair:
    """How far two people agree on the rows that both labelled."""

    one: str
    other: str
    agreement: Agreement


def queues(product: Product) -> list[Queue]:
    """Return what was drawn so far, partition by partition, and how far people have come."""
    told = told_by_people(read_answers(product.name))
    found = []
    for batch in read_batches(product.name).values():
        own = told[told[_ROW].isin({row.row for row in batch.rows})]
        settled = settled_rows(product, own)
        voices = own.groupby(_ROW)[TOLD_BY].nunique() if len(own) else pd.Series(dtype=int)
        found.append(
            Queue(
                batch,
                answered=int(own[_ROW].nunique()),
                people=int(own[TOLD_BY].nunique()),
                several=int((voices > 1).sum()),
                differing=settled.differing,
                open=settled.open,
            )
        )
    return found


def agreements(product: Product) -> list[Pair]:
    """Return how far each two people agree who labelled the same rows, the most rows first."""
    told = told_by_people(read_answers(product.name))
    last = told.drop_duplicates([_ROW, TOLD_BY], keep="last")
    table = last.pivot(index=_ROW, columns=TOLD_BY, values=LABEL) if len(last) else pd.DataFrame()
    found = []
    for one, other in combinations(sorted(table.columns), 2):
        both = table[[one, other]].dropna()
        if len(both):
            values = both.to_numpy(dtype=object)
            found.append(Pair(str(one), str(other), agreement(values[:, 0], values[:, 1])))
    return sorted(found, key=lambda pair: (-pair.agreement.rows, pair.one, pair.other))


def told_by_people(given: list[Answers]) -> pd.DataFrame:
    """Return answers, a row each, in the order in which they were known."""
    lines: list[dict[str, Any]] = [
        {
            _ROW: one.row,
            LABEL: one.label,
            AVAILABLE_AT: each.at,
            TOLD_BY: each.who,
            TOLD_AS: PEOPLE,
        }
        for each in given
        for one in each.answers
    ]
    found = pd.DataFrame(lines, columns=[_ROW, LABEL, AVAILABLE_AT, TOLD_BY, TOLD_AS])
    moments = pd.to_datetime(found[AVAILABLE_AT], utc=True, format="ISO8601")
    return found.assign(**{AVAILABLE_AT: np.asarray(moments)})


def settled_rows(product: Product, told: pd.DataFrame) -> Settled:
    """Return the label of each row that people labelled, as it counts."""
    return settle(told.reset_index(drop=True), [_ROW], product.spec.label.kind)
