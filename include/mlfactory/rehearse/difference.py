"""By how much the rehearsed model is better than the champion, metric by metric, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlfactory.product.metrics import metrics_for
from mlfactory.promote.evidence import Evidence
from mlfactory.report.numbers import NOTHING, written
from mlfactory.report.plain import plain
from mlfactory.statistics.comparison import paired_difference
from mlfactory.statistics.metrics import measure

CONFIDENCE = 0.9
"""How often the intervals of all metrics together hold the truth: of nine that each did so as often
one of equal models was told apart in a third of all comparisons."""


@dataclass(frozen=True)
class Difference:
    """A metric of both on the same rows.

    Attributes:
        better: by how much the rehearsed model is; negative where it is worse, nan if undefined.
        low: the lower end of the interval of that, likewise `high`; infinite where a few rows
            decide.
    """

    metric: str
    ours: float
    theirs: float
    better: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Say it in a word: chance alone makes a difference where the interval has 0 in it."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "cannot tell"


def differences(evidence: Evidence, *, costs: bool) -> list[Difference]:
    """Compare candidate and reference by every metric; nothing where no comparison is fair."""
    found = []
    metrics = list(metrics_for(evidence.candidate.kind, costs=costs))
    beyond = (1 - confidence_of_each(len(metrics))) / 2
    for metric in metrics:
        reference = evidence.against(metric)
        if reference is None:
            return []
        ours, theirs = (measure(one, metric) for one in (evidence.candidate, reference))
        difference = paired_difference(evidence.candidate, reference, metric)
        noise, better = difference.noise, float(difference.value)
        low, high = better - noise.reach(beyond), better + noise.reach_above(beyond)
        found.append(Difference(metric, ours, theirs, better, low, high))
    return found


def confidence_of_each(metrics: int) -> float:
    """Return how sure each of several intervals must be that all together are.

    See Sidak (1967), "Rectangular confidence regions for the means of multivariate normal
    distributions", JASA 62(318).
    """
    return float(CONFIDENCE ** (1 / metrics))


def markdown(
    title: str, facts: Sequence[str], found: Iterable[Difference], reference: str, gates: str
) -> str:
    """Return the comparison for a pull request.

    Args:
        facts: sentences about what was rehearsed.
        reference: whom the model was compared with.
        gates: the table of gates, in Markdown too.
    """
    lines = [f"### {plain(title)}", "", *(f"- {plain(fact)}" for fact in facts), ""]
    rows = [
        f"| {one.metric} | {_figure(one.ours)} | {_figure(one.theirs)} | {_signed(one.better)} | "
        f"{_signed(one.low)} to {_signed(one.high)} | {one.verdict} |"
        for one in found
    ]
    if rows:
        lines += [
            f"| metric | this change | {plain(reference)} | better by | interval | |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            "Better is more, whatever the metric: of an error, by how much it is smaller. The "
            f"intervals are as wide as lets all of them hold the truth in {CONFIDENCE:.0%} of "
            "comparisons.",
        ]
    lines += ["", "<details><summary>Gates</summary>", "", gates, "", "</details>"]
    return "\n".join(lines) + "\n"


def _figure(value: float) -> str:
    return written(value) if math.isfinite(value) else NOTHING


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{written(value)}" if math.isfinite(value) else NOTHING
