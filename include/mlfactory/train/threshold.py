"""From which probability on a binary model says yes, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit
from sklearn.model_selection import FixedThresholdClassifier

from mlfactory.product.spec import Business
from mlfactory.statistics.statistic import Floats, Ints
from mlfactory.trainings.records import Threshold

Mask = npt.NDArray[np.bool_]

EVEN = 0.5
"""Where nobody has said what errors cost, both cost the same."""

_HALVINGS = 40
_EVENLY, _IN_A_TAIL = 200, 150
_STEPS = np.linspace(0.0, 1.0, 11)
_TAIL = 0.05


def chosen_threshold(
    y: Ints,
    scores: Floats,
    business: Business | None,
    *,
    weights: Floats | None = None,
    units: Ints | None = None,
    seed: int = 0,
) -> Threshold:
    """Return the threshold for rows whose scores are of models that did not see them.

    Of true probabilities the costs alone say from where on a 1 is cheaper (Elkan 2001, "The
    foundations of cost-sensitive learning"). Scores are not quite that, and where errors on the
    rows cost least is mostly chance when there are few. So the rows are halved many times: what
    one half finds cheapest is tried on the other, shrunk towards the costs' own in steps. The
    step is taken that costs least, and of those that chance cannot tell from it the one nearest
    to the costs' own.

    Args:
        y: (rows,) 0 or 1.
        scores: (rows,) probabilities of 1.
        weights: (rows,) how many rows each stands for; 1 by default.
        units: (rows,) what belongs together, such as the day: never halved, however few there are.

    Returns:
        The threshold with an interval of 90 %; of less than 2 units it is the costs' own, and could
        be anything.
    """
    implied = implied_threshold(business)
    if business is None:
        return Threshold(EVEN, EVEN, EVEN, EVEN, EVEN, len(y))
    order = np.argsort(scores, kind="stable")
    weight = np.ones(len(y)) if weights is None else weights[order]
    rows = _Ranked(scores[order], np.asarray(y)[order] == 1, weight, business)
    levels = _levels(scores)
    whole = rows.cost_of(np.ones(len(y), dtype=np.bool_), levels)
    cheapest = float(levels[int(np.argmin(whole))])
    codes: Ints = np.arange(len(y))
    if units is not None:
        codes = np.unique(units[order], return_inverse=True)[1]
    if codes.max(initial=0) < 1:
        return Threshold(implied, implied, cheapest, 0.0, 1.0, len(y))
    found, regrets = [], []
    for half in _halves(codes, seed):
        one = levels[int(np.argmin(rows.cost_of(half, levels)))]
        found.append(one)
        regrets.append(rows.cost_of(~half, implied + _STEPS * (one - implied)))
    step = _STEPS[_nearest_of_the_best(np.array(regrets))]
    value = float(np.clip(implied + step * (np.mean(found) - implied), 0.0, 1.0))
    # by one and the same step all halves are shrunk: what they found tells how sure it is
    low, high = _interval(np.array(found), int(codes.max()) + 1)
    return Threshold(
        value=value,
        implied=implied,
        cheapest=cheapest,
        low=min(low, value),
        high=max(high, value),
        rows=len(y),
    )


def cost_by_threshold(
    y: Ints, scores: Floats, false_negative: float, false_positive: float
) -> tuple[Floats, Floats]:
    """Return every threshold that makes a difference, rising, and the mean cost of a row at it.

    Thresholds lie midway between scores, so that none rests on the last digit of a score, and
    from 0 to 1: a score of 1 is a yes at each of them.

    Args:
        y: (rows,) 0 or 1.
        scores: (rows,) probabilities of 1.
        false_negative: what a 1 costs that is answered with 0.
        false_positive: what a 0 costs that is answered with 1.
    """
    order = np.argsort(scores, kind="stable")
    ranked, positive = scores[order], np.asarray(y, dtype=np.float64)[order]
    starts = np.flatnonzero(np.diff(ranked, prepend=-np.inf))
    missed = np.concatenate([[0.0], np.cumsum(positive)])
    wrong = np.concatenate([[0.0], np.cumsum(1 - positive)])
    levels = ranked[starts]
    thresholds, cuts = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2]), starts
    if len(levels) and levels[-1] < 1:
        thresholds, cuts = np.append(thresholds, 1.0), np.append(starts, len(ranked))
    costs = false_negative * missed[cuts] + false_positive * (wrong[-1] - wrong[cuts])
    return thresholds, costs / max(len(ranked), 1)


def with_threshold(estimator: object, threshold: float) -> FixedThresholdClassifier:
    """Return a binary classifier, to be fitted, that says 1 from `threshold` on."""
    return FixedThresholdClassifier(
        estimator, threshold=float(threshold), pos_label=1, response_method="predict_proba"
    )


def implied_threshold(business: Business | None) -> float:
    """Return the probability from which on a 1 is the cheaper answer."""
    if business is None:
        return EVEN
    return business.false_positive / (business.false_positive + business.false_negative)


def _levels(scores: Floats) -> Floats:
    """Return the thresholds that are tried, rising from 0 to 1: midway between scores.

    Of many scores only some quantiles are taken, closer and closer towards both ends: where one
    row of 1,000 is a 1, all that matters lies among the highest scores.
    """
    ranked = np.unique(scores)
    if len(ranked) > _EVENLY + 2 * _IN_A_TAIL:
        tail = np.geomspace(1 / len(scores), 0.5, _IN_A_TAIL)
        ranked = np.quantile(scores, np.concatenate([np.linspace(0, 1, _EVENLY), tail, 1 - tail]))
        ranked = np.unique(ranked)
    between = (ranked[1:] + ranked[:-1]) / 2
    return np.unique(np.concatenate([[0.0], between, [1.0]]))


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Rows (rows,) in the order of their scores, and what errors on them cost."""

    scores: Floats
    positive: Mask
    weight: Floats
    business: Business

    def cost_of(self, chosen: Mask, thresholds: Floats) -> Floats:
        """Return (thresholds,) what the chosen rows' errors cost on average from each one on."""
        weight = np.where(chosen, self.weight, 0.0)
        missed = np.concatenate([[0.0], np.cumsum(np.where(self.positive, weight, 0.0))])
        spared = np.concatenate([[0.0], np.cumsum(np.where(self.positive, 0.0, weight))])
        cuts = np.searchsorted(self.scores, thresholds, side="left")
        costs = self.business.false_negative * missed[cuts]
        costs += self.business.false_positive * (spared[-1] - spared[cuts])
        return np.asarray(costs / max(float(missed[-1] + spared[-1]), 1e-300))


def _interval(found: Floats, units: int) -> tuple[float, float]:
    """Return between which thresholds the best one is, by what random halves of all found.

    Halves of a few units are much alike, whatever others would be: the interval is widened as that
    of Student's t is for so many.
    """
    middle, ends = found.mean(), np.quantile(found, (_TAIL, 1 - _TAIL))
    wider = stdtrit(units - 1, 1 - _TAIL) / ndtri(1 - _TAIL)
    low, high = np.clip(middle + wider * (ends - middle), 0.0, 1.0)
    return float(low), float(high)


def _halves(codes: Ints, seed: int) -> list[Mask]:
    """Return many random halves of the rows; what belongs together stays together.

    Args:
        codes: (rows,) the number of the unit of each, from 0.
    """
    count = int(codes.max()) + 1
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(_HALVINGS):
        half = np.zeros(count, dtype=np.bool_)
        half[generator.permutation(count)[: count // 2]] = True
        made.append(half[codes])
    return made


def _nearest_of_the_best(costs: Floats) -> int:
    """Return the smallest step whose cost chance cannot tell from that of the best step.

    Args:
        costs: (halvings, steps). A half's spread about the mean is that of all rows' figure.
    """
    mean = costs.mean(axis=0)
    best = int(np.argmin(mean))
    spread = (costs - costs[:, [best]]).std(axis=0)
    return int(np.flatnonzero(mean <= mean[best] + spread / 2)[0])
