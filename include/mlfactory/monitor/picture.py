"""All that was found out about a partition, before it is written anywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from mlfactory.monitor.features import Window
from mlfactory.monitor.findings import (
    ALERT,
    DRIFT,
    FRESHNESS,
    HELD_OUT,
    INSUFFICIENT,
    LABELS_IN_TIME,
    NAIVE,
    PERFORMANCE,
    PREDICTION_DRIFT,
    WARN,
    Finding,
)
from mlfactory.monitor.reference import Reference
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

JUDGED = (DRIFT, PREDICTION_DRIFT, PERFORMANCE, FRESHNESS, LABELS_IN_TIME)
_WORST_FIRST = (ALERT, WARN)
_FIGURES_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Picture:
    """A partition as the monitor sees it at its end.

    Attributes:
        current: its features, and those of as many partitions before it as it took to tell whether
            they drifted; None where nothing was compared.
        answers: what the champion said: score, class and time, over a window likewise.
        rows: how many rows of `features` the partition itself has; likewise `predictions`.
        sampled: whether `answers` are a sample of the rows.
        findings: about it, and about earlier partitions whose labels have arrived since.
    """

    product: Product
    partition: Partition
    reference: Reference | None
    current: Window | None
    answers: pd.DataFrame
    findings: tuple[Finding, ...]
    rows: int = 0
    predictions: int = 0
    sampled: bool = False

    @property
    def states(self) -> dict[str, str]:
        """Return the state of each thing that is judged.

        That of the labels is the worst of the partitions whose labels became overdue within it.
        """
        found = {
            name: found.state for name in JUDGED if (found := self.summary(name)) if found.state
        }
        late = [one.state for one in self.findings if one.metric == LABELS_IN_TIME and one.state]
        if late:
            found[LABELS_IN_TIME] = next((s for s in _WORST_FIRST if s in late), late[0])
        return found

    def summary(self, metric: str) -> Finding | None:
        """Return the figure of all rows of the partition itself, the one known latest."""
        found = [one for one in self.about() if (one.metric, one.slice) == (metric, "")]
        return found[-1] if found else None

    def about(self, key: str = "") -> list[Finding]:
        """Return the findings about a partition, by default the one that is looked at."""
        return [one for one in self.findings if one.about == (key or self.partition.key)]

    def drifted(self, metric: str = DRIFT) -> list[Finding]:
        """Return the columns that drifted, the alerts first, then by distance / bound."""
        return [one for one in self.ranked(metric) if one.state in (WARN, ALERT)]

    def ranked(self, metric: str = DRIFT) -> list[Finding]:
        """Return what was found about each column, the alerts first, then by distance / bound."""
        columns = [
            one
            for one in self.about()
            if one.metric == metric and one.slice and one.value is not None
        ]
        return sorted(columns, key=_urgency, reverse=True)

    def drift_figures(self, metric: str = DRIFT) -> str:
        """Return the drifts of the worst state, such as `temp 0.61 > 0.12 and 2 more`."""
        drifted = self.drifted(metric)
        worst = [one for one in drifted if one.state == drifted[0].state]
        gone = [one.slice for one in self.about() if one.metric == metric and one.why == "gone"]
        if not worst and gone:
            return f"{', '.join(gone)} gone"
        shown = [f"{one.slice} {one.value:.2g} > {one.bound:.2g}" for one in worst[:_FIGURES_SHOWN]]
        more = len(worst) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more else "")


def _urgency(one: Finding) -> tuple[bool, bool, float]:
    ratio = (one.value or 0.0) / one.bound if one.bound else 0.0
    return one.state == ALERT, one.state == WARN, 0.0 if math.isnan(ratio) else ratio


def performance_in_words(
    picture: Picture, one: Finding, *, interval: bool = False, window: str = ""
) -> str:
    """Return the figure that made the state of performance, and what it is held against.

    Such as `roc_auc 0.59, bound 0.62`, or `cost 12.7 against 8.3 of the naive answer`.

    Args:
        one: the summary of a partition's performance.
        interval: whether to give the figure's.
        window: what to say of the window it was measured over.
    """
    naive = next((it for it in picture.about(one.about) if it.metric == NAIVE), None)
    metric = picture.product.spec.performance_metric
    if naive is not None and one.why == NAIVE:
        since = "" if naive.since in (None, one.about) else f" since {naive.since}"
        figure = (
            f"{naive.why} {naive.bound:.4g}{since} against {naive.value:.4g} of the naive answer"
        )
    else:
        figure = f"{metric} {one.value:.4g}"
        figure += f" ({interval_in_words(one)})" if interval else ""
        figure += f"{window}, {_bound_in_words(one)}"
        if one.bound is None and naive is not None and naive.why == metric:
            figure += f"; the naive answer has {naive.value:.4g}"
    return f"{figure}: too little to tell from chance" if one.state == INSUFFICIENT else figure


def interval_in_words(one: Finding) -> str:
    """Return the ends of a figure's interval, such as `0.57 to 0.61`."""
    if one.low is None or one.high is None or math.isnan(one.low):
        return "no interval"
    return f"{one.low:.4g} to {one.high:.4g}"


def _bound_in_words(one: Finding) -> str:
    """Return what a figure is held against, such as `bound 0.58`."""
    if one.bound is None or math.isnan(one.bound):
        return "no bound is set"
    if one.why == HELD_OUT:
        return f"{one.bound:.4g} on the held-out rows"
    return f"bound {one.bound:g}"
