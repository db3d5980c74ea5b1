"""How good a model's predictions were, as far as the labels that have arrived can tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np

from mlfactory.lake.catalog import PARTITION
from mlfactory.monitor.findings import (
    CHALLENGER,
    INSUFFICIENT,
    NAIVE,
    NO_DATA,
    NO_LABELS,
    PERFORMANCE,
    SAMPLE,
    Finding,
)
from mlfactory.monitor.judged import Answered, Judged, judged, outcome_of
from mlfactory.monitor.judgement import (
    MIN_DAYS,
    MIN_LABELLED,
    Known,
    enough,
    estimate_of,
    fall_finding,
    naive_finding,
    summary_of,
)
from mlfactory.monitor.windows import performance_windows, windows_of
from mlfactory.product.loader import Product
from mlfactory.product.metrics import metrics_for
from mlfactory.product.partitions import Partition
from mlfactory.product.spec import ProductSpec
from mlfactory.statistics.estimate import Estimate
from mlfactory.statistics.metrics import Outcome, measure

_SLICES = 20


def performance_findings(
    product: Product,
    about: Partition,
    as_of: Partition,
    made: Mapping[str, Judged],
    known: Mapping[str, Known],
    naive: Finding | None = None,
    fall: Finding | None = None,
) -> list[Finding]:
    """Return the figures of the predictions made for `about`, beginning with the summary.

    Args:
        as_of: at whose end the labels were looked at.
        made: the predictions by role.
        known: of each version among them.
        naive: how the naive answer fares, see `against_naive`.
        fall: how far the champion's figure fell, see `against_held_out`.
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
    figures = list(_figures(product.spec, blank, outcome, champion, intervals=True))
    watched = next(one for one in figures if one.metric == product.spec.performance_metric)
    found = [summary_of(product.spec, watched, outcome, naive, fall)]
    found += [naive] if naive is not None else []
    found += _sampled(blank, champion)
    found += [coverage, *figures, *_slices(product.spec, blank, champion, outcome)]
    if challenger is not None and len(challenger.rows) >= MIN_LABELLED:
        outcome = outcome_of(product, challenger, known[challenger.version].classes)
        shadow = replace(
            blank,
            slice=CHALLENGER,
            model_version=challenger.version,
            since=challenger.since,
        )
        found += _figures(product.spec, shadow, outcome, challenger, intervals=False)
    return found


def figure_tells(product: Product, made: Judged, classes: tuple[str, ...]) -> bool:
    """Tell whether a model's labelled predictions are enough to measure the watched metric on."""
    spec = product.spec
    if len(made.rows) < MIN_LABELLED:
        return False
    outcome = outcome_of(product, made, classes)
    if not enough(outcome, spec.performance_metric):
        return False
    if outcome.blocks is None or product.calendar.every not in ("hour", "day"):
        return True
    return len(np.unique(outcome.blocks)) >= MIN_DAYS


def against_naive(
    answered: Answered,
    about: Partition,
    as_of: Partition,
    known: Mapping[str, Known],
) -> Finding | None:
    """Compare the champion with the naive answer, over the shortest window that can tell.

    Returns:
        The finding about `about`; None where there is nothing to compare.
    """
    product = answered.product
    found: Finding | None = None
    windows = windows_of(product, about, timedelta(days=MIN_DAYS))

    def told(made: Judged) -> bool:
        nonlocal found
        naive, classes = known[made.version].naive, known[made.version].classes
        if naive is None:
            return True
        if len(made.rows) < MIN_LABELLED:
            return False
        blank = Finding(
            about.key, NAIVE, model_version=made.version, since=made.since, as_of=as_of.key
        )
        found = naive_finding(
            product.spec,
            blank,
            outcome_of(product, made, classes),
            naive,
            _span(product, about, made),
            windows=windows,
        )
        return found.state != INSUFFICIENT

    judged(answered, about, as_of, told)
    return found


def _span(product: Product, about: Partition, made: Judged) -> timedelta:
    """Return the time that predictions are from, with a pause before the first of them.

    Who has no rows on Sundays or at night has no fewer days behind it where a window begins then:
    on every Friday four weeks would not have been over.
    """
    parse = product.calendar.parse
    slots = [parse(str(key)) for key in sorted(made.rows[PARTITION].unique())]
    pauses = (later.start - slot.end for slot, later in pairwise(slots))
    pause = min(max(pauses, default=timedelta()), timedelta(days=MIN_DAYS))
    return about.end - parse(made.since).start + pause


def against_held_out(
    answered: Answered,
    about: Partition,
    as_of: Partition,
    known: Mapping[str, Known],
) -> Finding | None:
    """Compare the champion with itself on its held-out rows, over the longest window.

    Returns:
        The figure about `about` that fell beyond chance; None where there is none.
    """
    product = answered.product
    windows = list(performance_windows(product, about))
    shortest = answered.over(windows[0], as_of).get("champion")
    if shortest is None or not shortest.labelled:
        return None
    made = answered.over(windows[-1], as_of).get("champion", shortest)
    held_out, classes = known[made.version].held_out, known[made.version].classes
    if held_out is None:
        return None
    blank = Finding(
        about.key, PERFORMANCE, model_version=made.version, since=made.since, as_of=as_of.key
    )
    return fall_finding(product.spec, blank, outcome_of(product, made, classes), held_out)


def _figures(
    spec: ProductSpec, blank: Finding, outcome: Outcome, made: Judged, *, intervals: bool
) -> Iterator[Finding]:
    """Measure every metric; of a model that is not judged, only the watched has an interval.

    What all errors cost is the mean of the rows that were looked at, times all there are.
    """
    for metric in metrics_for(outcome.kind, costs=outcome.costs is not None):
        if intervals or metric == spec.performance_metric:
            estimate = estimate_of(outcome, metric)
        else:
            estimate = Estimate(measure(outcome, metric), math.nan, math.nan)
        yield replace(
            blank, metric=metric, value=estimate.value, low=estimate.low, high=estimate.high
        )
        if metric == "cost":
            yield replace(blank, metric="total_cost", value=estimate.value * made.of_rows)


def _sampled(blank: Finding, champion: Judged) -> list[Finding]:
    """Return on how many rows the figures are measured, where these are not all of the window."""
    if champion.share >= 1:
        return []
    rows = float(len(champion.rows))
    return [replace(blank, metric=SAMPLE, value=rows, bound=float(champion.of_rows))]


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
