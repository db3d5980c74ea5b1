"""What the gates judge by, on which terms, and how they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from mlfactory.product.partitions import Every
from mlfactory.promote.latency import Latency
from mlfactory.statistics.metrics import Outcome

State = Literal["passed", "failed", "cannot_tell"]


@dataclass(frozen=True)
class GateResult:
    """How a candidate fared at one gate.

    Attributes:
        state: `cannot_tell` where the hold-out is too small for an answer; it promotes nobody.
        figure: what was measured; None where nothing could be.
        bound: what it was held against.
        low: lower end of what the figure may truly be; likewise `high`.
        compared: whether it asks the candidate to be better, so that not to pass it is no fault.
    """

    name: str
    state: State
    figure: float | None
    bound: float | None
    low: float | None
    high: float | None
    why: str
    compared: bool = False

    @property
    def passed(self) -> bool:
        """Tell whether the gate lets the candidate through."""
        return self.state == "passed"


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that the gates judge by.

    Attributes:
        reference: the champion's answers; None if a constant takes its place, or without a fair
            comparison.
        constant: for each metric the same rows answered by the constant that is best for it.
        reference_name: for people.
        unfair: why there is no fair comparison; nothing if there is one.
        slices: columns of the held-out rows, by name.
        latency: None if the version does not serve.
        trouble: why the version does not serve; nothing if it does.
        cutoff: key of the candidate's, which sort as time does; likewise the champion's.
    """

    candidate: Outcome
    reference: Outcome | None
    constant: Mapping[str, Outcome]
    reference_name: str
    unfair: str
    slices: Mapping[str, pd.Series]
    latency: Latency | None
    trouble: str
    cutoff: str
    champion_cutoff: str | None

    def against(self, metric: str) -> Outcome | None:
        """Return whom the candidate is compared with by a metric; None if nobody is fair."""
        if self.unfair:
            return None
        return self.constant[metric] if self.reference is None else self.reference


@dataclass(frozen=True)
class Terms:
    """The terms on which a candidate is judged, beside the gates of the spec.

    Attributes:
        every: the length of a partition; it turns days into partitions for people.
        main_metric: what counts where nothing is named: the cost where errors have one.
        min_holdout: held-out rows below which nothing can be judged.
        least_of_a_class: rows of the second most frequent class below which nothing can be.
        tries: how often candidates were judged on these held-out rows before; a judgement on a
            half of them counts half.
    """

    every: Every
    main_metric: str
    min_holdout: int
    least_of_a_class: int
    tries: float = 0.0
