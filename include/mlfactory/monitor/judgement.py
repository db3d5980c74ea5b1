"""Whether a model is as good as it should be: three questions, and the worst answer counts.

Is the watched figure within the bounds of the spec? Has the model been better than the best answer
that looks at no feature? Is it still what it was on the champion's own held-out rows? The second
asks by what counts for the product: the cost wherever errors have one, whatever is watched.

A bound, and a warning of the second, tell what has happened: chance is that of the rows (or
entities) of the days that there were. An alert of the second asks for a training, and the third
asks whether the model became another one: both go beyond those days, so days are chance too. Where
too little is known for an answer, the state says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from mlfactory.monitor.findings import (
    ALERT,
    HELD_OUT,
    INSUFFICIENT,
    NAIVE,
    OK,
    PERFORMANCE,
    WARN,
    Finding,
)
from mlfactory.product.metrics import DEFAULT_METRIC, merit
from mlfactory.product.spec import ProductSpec
from mlfactory.statistics.comparison import paired_difference
from mlfactory.statistics.estimate import Estimate, interval
from mlfactory.statistics.metrics import Outcome, measure
from mlfactory.statistics.naive import UNBEATABLE, Naive, naive_outcome
from mlfactory.trainings.records import Fitted

CONFIDENCE = 0.975
"""How sure it must be that a model is worse than the naive answer, over all windows together; an
interval of 95 % leaves as much on either side."""

CALM = 0.95
"""How sure it must be that a model is better than the naive answer before four weeks are over, over
all windows together: as sure as at a gate, for no training follows from it."""

MIN_LABELLED = 50
"""With fewer labelled predictions than this, a figure would be told more by luck than the model."""

MIN_OF_A_CLASS = 20
"""The same of the rows of a class, where a figure is made of one class alone."""

MIN_DAYS = 4
"""Days that a figure is measured over where partitions are shorter: what one day brings is luck."""

FOUR_WEEKS = timedelta(days=28)
"""A model may be worse than no model on many a day. Over so long it should be better: a warning,
where it was worse on those very days beyond what rows do by chance."""

_BY_WEIGHT = (OK, INSUFFICIENT, WARN, ALERT)
_OF_BOTH_CLASSES = frozenset({"roc_auc", "average_precision"})
_OF_THE_POSITIVE = frozenset({"recall", "f1"})


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
    return Known(classes, fitted.naive, Estimate(*(float(_or_nan(end)) for end in ends)))


def enough(outcome: Outcome, metric: str) -> bool:
    """Tell whether there are rows enough for a metric, and of the classes that it is made of."""
    if outcome.rows < MIN_LABELLED:
        return False
    if outcome.kind != "binary":
        return True
    positive = int(np.sum(outcome.y == 1))
    if metric in _OF_BOTH_CLASSES:
        return min(positive, outcome.rows - positive) >= MIN_OF_A_CLASS
    if metric in _OF_THE_POSITIVE:
        return positive >= MIN_OF_A_CLASS
    return metric != "precision" or int(np.sum(outcome.decisions == 1)) >= MIN_OF_A_CLASS


def summary_of(
    spec: ProductSpec,
    watched: Finding,
    outcome: Outcome,
    naive: Finding | None,
    fall: Finding | None,
) -> Finding:
    """Return the watched figure with the worst of the states.

    Args:
        watched: the figure, with its interval.
        outcome: what it was measured on.
        naive: how the naive answer fares, see `naive_finding`.
        fall: that the figure fell, see `fall_finding`; it stands instead of the figure where its
            state is the worst.
    """
    summary = replace(_by_bounds(spec, watched, outcome), metric=PERFORMANCE)
    if naive is not None and naive.state is not None and _worse(naive.state, summary.state):
        summary = replace(summary, state=naive.state, bound=naive.value, why=NAIVE)
    if fall is not None and fall.state is not None and _worse(fall.state, summary.state):
        return replace(fall, metric=PERFORMANCE)
    return summary


def estimate_of(outcome: Outcome, metric: str) -> Estimate:
    """Measure a metric on the days that there were, with what rows or entities do by chance."""
    return interval(replace(outcome, blocks=None), metric)


def naive_finding(
    spec: ProductSpec,
    blank: Finding,
    outcome: Outcome,
    naive: Naive,
    span: timedelta,
    *,
    windows: int = 1,
) -> Finding:
    """Compare the model with the best answer that looks at no feature, on the same rows.

    Args:
        span: the time that the rows are from.
        windows: how many may be asked the same until one tells; they share the chance of an
            alert, and that of an early ok.

    Returns:
        The naive answer's figure as `value` and the model's as `bound`, named by `why`. The state
        is alert where the model is worse beyond the chance of rows and days, and warn where rows
        are from four weeks or more and it was worse on them beyond the chance of rows alone.
    """
    metric = metric_against_naive(spec)
    constant = naive_outcome(outcome, metric, naive)
    ours, theirs = measure(outcome, metric), measure(constant, metric)
    state = INSUFFICIENT
    if math.isfinite(ours) and math.isfinite(theirs) and enough(outcome, metric):
        long = span >= FOUR_WEEKS
        state = _against_naive(outcome, constant, metric, long=long, windows=windows)
    return replace(blank, metric=NAIVE, value=theirs, bound=ours, state=state, why=metric)


def metric_against_naive(spec: ProductSpec) -> str:
    """Return by what a model is compared with the naive answer: the cost, where errors have one.

    Otherwise it is the watched metric, unless no model can beat a constant there.
    """
    if spec.business is not None:
        return spec.main_metric
    watched = spec.performance_metric
    return DEFAULT_METRIC[spec.label.kind] if watched in UNBEATABLE else watched


def _against_naive(
    outcome: Outcome, constant: Outcome, metric: str, *, long: bool, windows: int
) -> str:
    if paired_difference(constant, outcome, metric).at_least(_of_each(CONFIDENCE, windows)) > 0:
        return ALERT
    gained = paired_difference(outcome, constant, metric)
    if not long:
        return OK if gained.at_least(_of_each(CALM, windows)) > 0 else INSUFFICIENT
    happened = paired_difference(
        replace(constant, blocks=None), replace(outcome, blocks=None), metric
    )
    if happened.at_least(CONFIDENCE) > 0:
        return WARN
    return OK if gained.value >= 0 else INSUFFICIENT


def _of_each(confidence: float, windows: int) -> float:
    """Return how sure each of several windows must be, that all together are (Bonferroni)."""
    return 1 - (1 - confidence) / windows


def _by_bounds(spec: ProductSpec, watched: Finding, outcome: Outcome) -> Finding:
    """Judge the watched figure by the bounds of the spec, and return it with state and bound.

    Beyond a bound is what lies there with its whole interval. A figure on the wrong side that
    chance may have put there is neither calm nor alarm.
    """
    metric, bounds = spec.performance_metric, spec.monitor.performance
    asked = [
        (state, bound)
        for state, bound in ((ALERT, bounds.alert), (WARN, bounds.warn))
        if bound is not None
    ]
    nearest = asked[-1][1] if asked else None
    found = replace(watched, bound=nearest, why="bound" if asked else "")
    value = _or_nan(watched.value)
    if not math.isfinite(value) or not enough(outcome, metric):
        return replace(found, state=INSUFFICIENT)
    best = _best_end(metric, Estimate(value, _or_nan(watched.low), _or_nan(watched.high)))
    for state, bound in asked:
        if best < merit(metric, bound):
            return replace(found, state=state, bound=bound)
    for _, bound in asked:
        if merit(metric, value) < merit(metric, bound):
            return replace(found, state=INSUFFICIENT, bound=bound)
    return replace(found, state=OK)


def _best_end(metric: str, figure: Estimate) -> float:
    """Return the merit of the better end of a figure's interval; of the figure, if it has none.

    The best bias is that of 0, wherever an interval holds it.
    """
    if not (math.isfinite(figure.low) and math.isfinite(figure.high)):
        return merit(metric, figure.value)
    if metric == "bias" and figure.low < 0 < figure.high:
        return merit(metric, 0.0)
    return max(merit(metric, figure.low), merit(metric, figure.high))


def _or_nan(figure: float | None) -> float:
    return math.nan if figure is None else figure


def _worse(state: str, than: str | None) -> bool:
    return than is None or _BY_WEIGHT.index(state) > _BY_WEIGHT.index(than)


def fall_finding(
    spec: ProductSpec, blank: Finding, outcome: Outcome, then: Estimate
) -> Finding | None:
    """Return a warning where the watched figure fell from an independent earlier one.

    It is asked once, over all the time that is looked back on: of a few days nearly every fall is
    within chance, and asked of several windows chance would have as many tries.

    Returns:
        The figure, its interval, and what it fell from as `bound`; None if chance may explain it.
    """
    metric = spec.performance_metric
    if not enough(outcome, metric):
        return None
    now = interval(outcome, metric)
    if not _fell(metric, now, then) or not _may_fall_from(then, outcome, metric):
        return None
    figure = replace(blank, metric=metric, value=now.value, low=now.low, high=now.high)
    return replace(figure, state=WARN, bound=then.value, why=HELD_OUT)


def _fell(metric: str, now: Estimate, then: Estimate) -> bool:
    """Tell whether a figure is worse than an independent earlier one beyond chance.

    The interval of the difference follows from those of the figures, see Zou & Donner (2008),
    "Construction of confidence limits about effect measures", Statistics in Medicine 27(10).
    Where what chance does to one of them is not known, nothing is told.
    """
    ends = (now.value, now.low, now.high, then.value, then.low, then.high)
    if not all(math.isfinite(end) for end in ends):
        return False
    current, best = merit(metric, now.value), _best_end(metric, now)
    before = merit(metric, then.value)
    worst = min(merit(metric, then.low), merit(metric, then.high))
    return before - current > math.hypot(before - worst, best - current)


def _may_fall_from(then: Estimate, outcome: Outcome, metric: str) -> bool:
    """Tell whether answers differ from perfect ones beyond chance, where a figure was perfect.

    Rows without an error tell nothing of days with many: of days that go wrong once a month a
    hold-out may have none. So the days of now must show by themselves that errors are no accident
    of one or two of them: the scale of a figure's interval has no end, and would never say so.
    """
    if then.value not in (then.low, then.high):
        return True
    lost = paired_difference(_perfect(outcome), outcome, metric)
    return lost.at_least(CONFIDENCE) > 0


def _perfect(outcome: Outcome) -> Outcome:
    scores = outcome.y.astype(np.float64)
    if outcome.kind == "multiclass":
        scores = np.eye(outcome.scores.shape[1])[outcome.y.astype(np.intp)]
    return replace(outcome, scores=scores, decisions=outcome.y)
