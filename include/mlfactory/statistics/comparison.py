"""Whether one model is truly better than another, or worse, on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlfactory.product.metrics import METRICS, merit
from mlfactory.statistics.metrics import Outcome, made_of, measure, statistic
from mlfactory.statistics.noise import Noise, noise
from mlfactory.statistics.statistic import Floats


@dataclass(frozen=True, eq=False)
class PairedDifference:
    """By how much a challenger is better than its reference on the same rows.

    Args:
        value: the improvement, positive when the challenger is better; nan if undefined.
        noise: what chance does to it.
    """

    value: float
    noise: Noise

    def at_least(self, confidence: float) -> float:
        """Return the lower bound of the improvement: above 0, it is there beyond chance.

        It is -inf where a few units decide that could be anything.
        """
        return float(self.value - self.noise.reach(1 - confidence))

    def chance_of(self, improvement: float) -> float:
        """Return how likely chance shows this much where the truth is `improvement`."""
        return self.noise.beyond(self.value - improvement)

    @property
    def probability_better(self) -> float:
        """Return how sure it is that the challenger is better."""
        return 1 - self.chance_of(0.0)

    def units_to_show(self, confidence: float) -> float:
        """Return how many units (days, groups, rows) would show an improvement of this size."""
        if not self.value > 0:
            return np.inf
        return self.noise.units_to_reach(self.value, 1 - confidence)


def paired_difference(challenger: Outcome, reference: Outcome, metric: str) -> PairedDifference:
    """Compare two models on the same rows, so that the luck they share cancels out.

    Each row's influence on the one figure is taken from its influence on the other: for sums that
    is exact to first order, for areas and precisions it is Hájek's projection (DeLong et al. 1988,
    Biometrics 44(3)). Of a `bias` the sizes are compared, for both signs are equally bad.

    Raises:
        ValueError: the two outcomes are not of the same rows; no such metric.
    """
    if not _same_rows(challenger, reference):
        raise ValueError("the challenger and its reference were not measured on the same rows")
    ours, theirs = measure(challenger, metric), measure(reference, metric)
    influences = _merits(challenger, metric, ours) - _merits(reference, metric, theirs)
    # what is left of equal answers is rounding
    influences[np.abs(influences) <= 1e-12 * np.max(np.abs(influences), initial=0.0)] = 0.0
    value = merit(metric, ours) - merit(metric, theirs)
    rows = made_of(challenger, metric) + made_of(reference, metric)
    return PairedDifference(value, noise(influences, challenger.blocks, challenger.groups, rows))


def _merits(outcome: Outcome, metric: str, value: float) -> Floats:
    """Return the influence (rows,) of each row on the merit of the figure."""
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    if metric == "bias":
        sign = -float(np.sign(value))
    return sign * statistic(outcome, metric).influences()


def _same_rows(one: Outcome, other: Outcome) -> bool:
    return (
        one.kind == other.kind
        and np.array_equal(one.y, other.y)
        and _same_codes(one.blocks, other.blocks)
        and _same_codes(one.groups, other.groups)
    )


def _same_codes(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)
