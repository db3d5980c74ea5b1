"""What all rows are like, by the few that people labelled: each weighs as many as it stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlfactory.labelling.listing import settled_rows, told_by_people
from mlfactory.lake.answers import Asked, Batch, Value, read_answers, read_batches
from mlfactory.lake.catalog import LABEL
from mlfactory.product.loader import Product
from mlfactory.statistics.drawn import Stratum, mean_of_all
from mlfactory.statistics.estimate import Estimate


@dataclass(frozen=True)
class Line:
    """An estimate about all rows of some partitions.

    Attributes:
        metric: what is estimated, such as the share of errors.
        labelled: rows with a label, of `rows` in all.
        naive: the plain mean over the labelled rows, which is wrong where they were chosen for
            what the model said of them; shown beside the estimate.
    """

    model_version: str
    partitions: tuple[str, ...]
    metric: str
    estimate: Estimate
    naive: float
    labelled: int
    rows: int


@dataclass(frozen=True)
class _Labelled:
    row: Asked
    label: Value


def estimates(product: Product) -> list[Line]:
    """Return estimates of each model that predicted what people labelled, over its partitions.

    Partitions count of which rows that were drawn at random have a label, or all have one. Rows
    without an answer are taken to be like those of their kind that have one.
    """
    told = told_by_people(read_answers(product.name))
    settled = settled_rows(product, told).rows
    truth = dict(zip(settled["row"], settled[LABEL], strict=True))
    of_model: dict[str, list[Batch]] = {}
    for batch in read_batches(product.name).values():
        if all(rows for rows, of in _parts(batch, truth) if of):
            of_model.setdefault(batch.model_version, []).append(batch)
    found = []
    for version, batches in sorted(of_model.items()):
        parts = [part for batch in batches for part in _parts(batch, truth) if part[1]]
        if parts and all(rows for rows, _ in parts):
            found += list(_lines(product, version, batches, parts))
    return found


def _parts(batch: Batch, truth: dict[str, Value]) -> list[tuple[list[_Labelled], int]]:
    """Return of the rows that were chosen surely, and of all others, those with a label."""
    sure = [row for row in batch.rows if row.weight == 1]
    drawn = [row for row in batch.rows if row.weight != 1]
    return [
        ([_Labelled(row, truth[row.row]) for row in rows if row.row in truth], of)
        for rows, of in ((sure, len(sure)), (drawn, batch.of_rows - len(sure)))
    ]


def _lines(
    product: Product,
    version: str,
    batches: Sequence[Batch],
    parts: Sequence[tuple[list[_Labelled], int]],
) -> Iterator[Line]:
    for metric, most, value_of in _metrics(product, has_model=bool(version)):
        strata = [
            Stratum(np.array([value_of(one) for one in rows], dtype=np.float64), of)
            for rows, of in parts
        ]
        together = np.concatenate([stratum.values for stratum in strata])
        yield Line(
            version,
            tuple(batch.partition for batch in batches),
            metric,
            mean_of_all(strata, most=most),
            float(together.mean()),
            len(together),
            sum(of for _, of in parts),
        )


def _metrics(product: Product, *, has_model: bool) -> Iterator[tuple[str, float | None, Any]]:
    """Yield what can be estimated: its name, its largest value, and what a row has of it."""
    kind, costs, column = product.spec.label.kind, product.spec.business, product.spec.label.column
    if kind == "regression":
        yield f"mean {column}", None, lambda one: one.label
    elif kind == "binary":
        yield f"share of {column}", 1.0, lambda one: one.label
    if not has_model:
        return
    if kind == "regression":
        yield "mean absolute error", None, lambda one: abs(one.row.prediction - one.label)
        return
    yield "share of errors", 1.0, lambda one: float(one.row.prediction != one.label)
    if kind == "binary" and costs is not None:
        missed, wrong = costs.false_negative, costs.false_positive

        def cost(one: _Labelled) -> float:
            if one.row.prediction == one.label:
                return 0.0
            return missed if one.label == 1 else wrong

        yield f"cost a row ({costs.currency})", max(missed, wrong), cost
