"""How good a model's predictions were, as far as the labels that have arrived can tell.

The watched metric is judged three ways, and the worst counts: by the bounds of the spec, against
the best answer that looks at no feature (worse is an alert, whatever the spec says), and against
the figure of the champion's own held-out rows (worse is a warning).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mlfactory.monitor.findings import (
    ALERT,
    CHALLENGER,
    INSUFFICIENT,
    NAIVE,
    NO_DATA,
    NO_LABELS,
    OK,
    PERFORMANCE,
    WARN,
    Finding,
)
from mlfactory.monitor.judged import MIN_LABELLED, Judged, outcome_of
from mlfactory.product.loader import Product
from mlfactory.product.metrics import merit, metrics_for
from mlfactory.product.partitions import Partition
from mlfactory.product.spec import ProductSpec
from mlfactory.statistics.comparison import paired_difference
from mlfactory.statistics.estimate import Estimate, interval
from mlfactory.statistics.metrics import Outcome, measure
from mlfactory.statistics.naive import Naive, naive_outcome
from mlfactory.trainings.records import Fitted

CONFIDENCE = 0.975
"""How sure it must be that a model is worse than the naive answer, or than it was."""

_SLICES = 20
_BY_WEIGHT = (OK, WARN, ALERT)


@dataclass(frozen=True, eq=False)
class Known:
    """What a version's training tells of it: its classes, the naive answer, its held-out figures.

    None of the latter two where the record of the training is gone.
    """

    classes: tuple[str, ...] = ()
    naive: Naive | None = None
    held_out: Estimate | None = None


def known_of(spec: ProductSpec, fitted: Fitted | None, classes: tuple[str, ...]) -> Known:
    """Return what a fitted training tells of its model."""
    if fitted is None:
        return Known(classes)
    figures = fitted.metrics.get(spec.performance_metric, {})
    ends = [figures.get(name) for name in ("value", "low", "high")]
    value, low, high = (math.nan if end is None else float(end) for end in ends)
    return Known(classes, fitted.naive, Estimate(value, low, high))


def performance_findings(
    product: Product,
    about: Partition,
    as_of: Partition,
    made: Mapping[str, Judged],
    known: Mapping[str, Known],
) -> list[Finding]:
    """Return the figures of the predictions made for `about`, beginning with the summary.

    Args:
        as_of: at whose end the labels were looked at.
        made: the predictions by role.
        known: of each version among them.
    """
    champion, challenger = made.get("champion"), made.get("challenger")
    blank = Finding(about.key, PERFORMANCE, as_of=as_of.key)
    if champion is None:
        return [replace(blank, state=NO_DATA)]
    blank = replace(blank, model_version=champion.version, since=champion.since)
    coverage = replace(blank, metric="coverage", value=champion.coverage, since=about.key)
    if not champion.labelled or len(champion.rows) < MIN_LABELLED:
        state = INSUFFICIENT if champion.labelled else NO_LABELS
        return [replace(blank, state=state), coverage]
    outcome = outcome_of(product, champion, known[champion.version].classes)
    figures = list(_figures(product.spec, blank, outcome, intervals=True))
    watched = next(one for one in figures if one.metric == product.spec.performance_metric)
    judgement = list(_judgement(product.spec, watched, outcome, known[champion.version]))
    found = [*judgement, coverage, *figures, *_slices(product.spec, blank, champion, outcome)]
    if challenger is not None and len(challenger.rows) >= MIN_LABELLED:
        outcome = outcome_of(product, challenger, known[challenger.version].classes)
        shadow = replace(
            blank,
            slice=CHALLENGER,
            model_version=challenger.version,
            since=challenger.since,
        )
        found += _figures(product.spec, shadow, outcome, intervals=False)
    return found


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


def _judgement(
    spec: ProductSpec, watched: Finding, outcome: Outcome, known: Known
) -> Iterator[Finding]:
    """Give the summary with the worst of the three states, and the naive answer's figure."""
    state, bound = verdict(spec, watched.value if watched.value is not None else math.nan)
    why = "bound" if bound is not None else ""
    naive = _naive(spec, watched, outcome, known)
    if naive is not None and naive.state == ALERT and state != ALERT:
        state, bound, why = ALERT, naive.value, "naive"
    if state == OK and known.held_out is not None and _fell(spec, watched, known.held_out):
        state, bound, why = WARN, known.held_out.value, "held_out"
    yield replace(watched, metric=PERFORMANCE, state=state, bound=bound, why=why)
    if naive is not None:
        yield naive


def _naive(spec: ProductSpec, watched: Finding, outcome: Outcome, known: Known) -> Finding | None:
    """Return the naive answer's figure; in alert if the model is worse beyond chance."""
    if known.naive is None:
        return None
    constant = naive_outcome(outcome, spec.performance_metric, known.naive)
    value = measure(constant, spec.performance_metric)
    if not math.isfinite(value) or watched.value is None or not math.isfinite(watched.value):
        return None
    ahead = paired_difference(constant, outcome, spec.performance_metric).at_least(CONFIDENCE)
    return replace(
        watched, metric=NAIVE, value=value, low=None, high=None, state=ALERT if ahead > 0 else OK
    )


def _fell(spec: ProductSpec, now: Finding, then: Estimate) -> bool:
    """Tell whether a figure is worse than an independent earlier one beyond chance.

    The interval of the difference follows from those of the figures, see Zou & Donner (2008),
    "Construction of confidence limits about effect measures", Statistics in Medicine 27(10).
    """
    metric = spec.performance_metric
    if now.value is None or now.low is None or now.high is None:
        return False
    ends = (now.value, now.low, now.high, then.value, then.low, then.high)
    if not all(math.isfinite(end) for end in ends):
        return False
    current, best = merit(metric, now.value), max(merit(metric, now.low), merit(metric, now.high))
    before = merit(metric, then.value)
    worst = min(merit(metric, then.low), merit(metric, then.high))
    return before - current > math.hypot(before - worst, best - current)


def _figures(
    spec: ProductSpec, blank: Finding, outcome: Outcome, *, intervals: bool
) -> Iterator[Finding]:
    """Measure every metric; of a model that is not judged, only the watched has an interval."""
    for metric in metrics_for(outcome.kind, costs=outcome.costs is not None):
        if intervals or metric == spec.performance_metric:
            estimate = interval(outcome, metric)
        else:
            estimate = Estimate(measure(outcome, metric), math.nan, math.nan)
        yield replace(
            blank, metric=metric, value=estimate.value, low=estimate.low, high=estimate.high
        )
        if metric == "cost":
            yield replace(blank, metric="total_cost", value=estimate.value * outcome.rows)


def _slices(
    spec: ProductSpec, blank: Finding, champion: Judged, outcome: Outcome
) -> Iterator[Finding]:
    """Measure the watched metric for each of the frequent values of the sensitive columns."""
    for column in champion.traits.columns:
        values = champion.traits[column].astype(str)
        for value, rows in values.value_counts().head(_SLICES).items():
            if rows < MIN_LABELLED:
                break
            part = outcome.take(np.flatnonzero(values == value))
            yield replace(
                blank,
                metric=spec.performance_metric,
                slice=f"{column}={value}",
                value=measure(part, spec.performance_metric),
            )


def _is_worse(spec: ProductSpec, value: float, bound: float) -> bool:
    if spec.performance_metric == "bias":
        return abs(value) > bound
    return merit(spec.performance_metric, value) < merit(spec.performance_metric, bound)
