"""All that was found out about a partition, before it is written anywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from mlfactory.monitor.findings import (
    ALERT,
    DRIFT,
    FRESHNESS,
    PERFORMANCE,
    PREDICTION_DRIFT,
    WARN,
    Finding,
)
from mlfactory.monitor.reference import Reference
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

JUDGED = (DRIFT, PREDICTION_DRIFT, PERFORMANCE, FRESHNESS)
_FIGURES_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Picture:
    """A partition as the monitor sees it at its end.

    Attributes:
        current: its rows of the table `features`.
        answers: what the champion said about them: score, class and block.
        findings: about it, and about earlier partitions whose labels have arrived since.
    """

    product: Product
    partition: Partition
    reference: Reference | None
    current: pd.DataFrame
    answers: pd.DataFrame
    findings: tuple[Finding, ...]

    @property
    def states(self) -> dict[str, str]:
        """Return the state of each thing that is judged."""
        return {
            name: found.state for name in JUDGED if (found := self.summary(name)) if found.state
        }

    def summary(self, metric: str) -> Finding | None:
        """Return the figure of all rows of the partition itself."""
        return next((one for one in self.about() if (one.metric, one.slice) == (metric, "")), None)

    def about(self, key: str = "") -> list[Finding]:
        """Return the findings about a partition, by default the one that is looked at."""
        return [one for one in self.findings if one.about == (key or self.partition.key)]

    def drifted(self, metric: str = DRIFT) -> list[Finding]:
        """Return the columns that drifted, the alerts first, then by distance / bound."""
        return [one for one in self.ranked(metric) if one.state in (WARN, ALERT)]

    def ranked(self, metric: str = DRIFT) -> list[Finding]:
        """Return what was found about each column, the alerts first, then by distance / bound."""
        columns = [one for one in self.about() if one.metric == metric and one.slice]
        return sorted(columns, key=_urgency, reverse=True)

    def drift_figures(self, metric: str = DRIFT) -> str:
        """Return the drifts of the worst state, such as `temp 0.61 > 0.12 and 2 more`."""
        drifted = self.drifted(metric)
        worst = [one for one in drifted if one.state == drifted[0].state]
        shown = [f"{one.slice} {one.value:.2g} > {one.bound:.2g}" for one in worst[:_FIGURES_SHOWN]]
        more = len(worst) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more else "")


def _urgency(one: Finding) -> tuple[bool, bool, float]:
    ratio = (one.value or 0.0) / one.bound if one.bound else 0.0
    return one.state == ALERT, one.state == WARN, 0.0 if math.isnan(ratio) else ratio
