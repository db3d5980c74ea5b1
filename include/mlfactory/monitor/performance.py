"""How good a model's predictions were, as far as the labels that have arrived can tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mlfactory.lake.labels import known_labels
from mlfactory.lake.tables import Lake
from mlfactory.monitor.findings import (
    ALERT,
    CHALLENGER,
    INSUFFICIENT,
    NO_DATA,
    NO_LABELS,
    OK,
    PERFORMANCE,
    WARN,
    Finding,
)
from mlfactory.product.loader import Product
from mlfactory.product.metrics import METRICS, metrics_for
from mlfactory.product.partitions import Partition
from mlfactory.product.spec import ProductSpec
from mlfactory.registry.answers import Answers
from mlfactory.statistics.estimate import Estimate, interval
from mlfactory.statistics.metrics import Outcome, measure
from mlfactory.trainings import outcomes
from mlfactory.trainings.blocks import days

MIN_LABELLED = 50
"""With fewer labelled predictions than this, a figure would be told more by luck than the model."""

_SLICES = 20

Classes = Callable[[str], tuple[str, ...]]
"""Gives the classes of a model version, in the order of its probabilities; none if it has none."""


@dataclass(frozen=True, eq=False)
class Judged:
    """The predictions of one model for one partition, with the labels known so far.

    Attributes:
        rows: labelled predictions, with the columns `label`, `score` and `prediction`.
        predictions: how many predictions there are, with a label or without.
    """

    version: str
    rows: pd.DataFrame
    predictions: int

    @property
    def coverage(self) -> float:
        """Return the share of the predictions whose label is known."""
        return len(self.rows) / self.predictions if self.predictions else math.nan


def due(product: Product, partition: Partition) -> list[Partition]:
    """Return the partitions to measure at the end of `partition`, oldest first, itself the last.

    Those are the ones whose labels can have arrived during it, and at least one before it.
    """
    calendar = product.calendar
    if calendar.is_snapshot:
        return [partition]
    earliest = partition.start - product.spec.label.arrives_after
    count = 2
    while True:
        found = calendar.back(partition, count)
        if len(found) < count or found[0].end <= earliest:
            # one older than reaches is no loss where it is the one before
            return found if count == 2 or len(found) < count else found[1:]
        count += 1


def settled(product: Product, about: Partition, partition: Partition) -> bool:
    """Tell whether every label of `about` that will ever arrive has by the end of `partition`."""
    if product.calendar.is_snapshot:
        return True
    return about.end + product.spec.label.arrives_after <= partition.end


def judged(product: Product, about: Partition, partition: Partition) -> dict[str, Judged]:
    """Return the predictions made for `about`, by role: of the champion and of the challenger.

    Labels count if they had arrived by the end of `partition`.
    """
    lake = Lake(product.name)
    predictions = lake.read("predictions", [about.key])
    if predictions.empty:
        return {}
    key = list(product.spec.features.key)
    columns = [*key, "label", "available_at"]
    known = known_labels(product, [about.key], partition.end)[columns]
    traits = [name for name in product.spec.features.sensitive if name not in key]
    if traits and len(known):
        known = known.merge(lake.read("features", [about.key], columns=[*key, *traits]), on=key)
    return {
        str(role): Judged(
            version=str(made["model_version"].iloc[0]),
            rows=made.merge(known, on=key) if len(known) else made.iloc[:0],
            predictions=len(made),
        )
        for role, made in predictions.groupby("role")
    }


def outcome_of(product: Product, rows: pd.DataFrame, classes: tuple[str, ...] = ()) -> Outcome:
    """Return labelled predictions as an outcome.

    Args:
        classes: of a multiclass model, in the order of its probabilities.
    """
    several = product.spec.label.kind == "multiclass"
    scores = np.stack(rows["probabilities"].to_list()) if several else rows["score"].to_numpy()
    event_time = product.spec.features.event_time
    return outcomes.outcome_of(
        product.spec,
        rows["label"],
        Answers(scores, rows["prediction"].to_numpy()),
        known=classes,
        blocks=days(rows[event_time]) if event_time and not product.calendar.is_snapshot else None,
    )


def verdict(spec: ProductSpec, value: float) -> tuple[str, float | None]:
    """Return the state of the watched metric, and the bound that it passed or is nearest to."""
    bounds = spec.monitor.performance
    if not math.isfinite(value):
        return INSUFFICIENT, bounds.warn
    if bounds.alert is not None and _is_worse(spec, value, bounds.alert):
        return ALERT, bounds.alert
    if bounds.warn is not None and _is_worse(spec, value, bounds.warn):
        return WARN, bounds.warn
    return OK, bounds.warn if bounds.warn is not None else bounds.alert


def performance_findings(
    product: Product, about: Partition, made: Mapping[str, Judged], classes: Classes
) -> list[Finding]:
    """Return the figures of the predictions made for `about`, beginning with the summary."""
    champion, challenger = made.get("champion"), made.get("challenger")
    if champion is None:
        return [Finding(about.key, PERFORMANCE, state=NO_DATA)]
    coverage = Finding(
        about.key, "coverage", value=champion.coverage, model_version=champion.version
    )
    if len(champion.rows) < MIN_LABELLED:
        state = INSUFFICIENT if len(champion.rows) else NO_LABELS
        summary = Finding(about.key, PERFORMANCE, state=state, model_version=champion.version)
        return [summary, coverage]
    outcome = outcome_of(product, champion.rows, classes(champion.version))
    figures = list(_figures(product.spec, about, champion.version, outcome))
    watched = next(one for one in figures if one.metric == product.spec.performance_metric)
    found = [replace(watched, metric=PERFORMANCE), coverage, *figures]
    found += _slices(product.spec, about, champion, outcome)
    if challenger is not None and len(challenger.rows) >= MIN_LABELLED:
        outcome = outcome_of(product, challenger.rows, classes(challenger.version))
        figures = list(_figures(product.spec, about, challenger.version, outcome, judge=False))
        found += [replace(one, slice=CHALLENGER) for one in figures]
    return found


def _figures(
    spec: ProductSpec, about: Partition, version: str, outcome: Outcome, *, judge: bool = True
) -> Iterator[Finding]:
    """Measure every metric; of a model that is not judged, only the watched has an interval."""
    for metric in metrics_for(outcome.kind, costs=outcome.costs is not None):
        watched = metric == spec.performance_metric
        if judge or watched:
            estimate = interval(outcome, metric)
        else:
            estimate = Estimate(measure(outcome, metric), math.nan, math.nan)
        state, bound = verdict(spec, estimate.value) if judge and watched else (None, None)
        yield Finding(
            about=about.key,
            metric=metric,
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            bound=bound,
            state=state,
            model_version=version,
        )
        if metric == "cost":
            yield Finding(
                about.key, "total_cost", value=estimate.value * outcome.rows, model_version=version
            )


def _slices(
    spec: ProductSpec, about: Partition, champion: Judged, outcome: Outcome
) -> Iterator[Finding]:
    """Measure the watched metric for each of the frequent values of the sensitive columns."""
    for column in spec.features.sensitive:
        values = champion.rows[column].astype(str)
        for value, rows in values.value_counts().head(_SLICES).items():
            if rows < MIN_LABELLED:
                break
            part = outcome.take(np.flatnonzero(values == value))
            yield Finding(
                about.key,
                spec.performance_metric,
                slice=f"{column}={value}",
                value=measure(part, spec.performance_metric),
                model_version=champion.version,
            )


def _is_worse(spec: ProductSpec, value: float, bound: float) -> bool:
    if spec.performance_metric == "bias":
        return abs(value) > bound
    higher_is_better = METRICS[spec.performance_metric].higher_is_better
    return value < bound if higher_is_better else value > bound
