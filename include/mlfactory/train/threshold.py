"""From which probability on a binary model says yes."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import FixedThresholdClassifier

from mlfactory.product.spec import Business
from mlfactory.statistics.statistic import Floats, Ints

EVEN = 0.5
"""Where nobody has said what errors cost, both cost the same."""


def chosen_threshold(y: Ints, scores: Floats, business: Business | None) -> float:
    """Return the threshold for rows whose scores are of models that did not see them."""
    if business is None:
        return EVEN
    return cheapest_threshold(y, scores, business.false_negative, business.false_positive)


def cheapest_threshold(
    y: Ints, scores: Floats, false_negative: float, false_positive: float
) -> float:
    """Return the threshold at which the errors on these rows cost least.

    Args:
        y: (rows,) 0 or 1.
        scores: (rows,) probabilities of 1.
        false_negative: what a 1 costs that is answered with 0.
        false_positive: what a 0 costs that is answered with 1.
    """
    thresholds, costs = cost_by_threshold(y, scores, false_negative, false_positive)
    return float(thresholds[np.argmin(costs)])


def cost_by_threshold(
    y: Ints, scores: Floats, false_negative: float, false_positive: float
) -> tuple[Floats, Floats]:
    """Return every threshold that makes a difference, rising, and the mean cost of a row at it.

    Thresholds lie midway between scores, so that none rests on the last digit of a score.
    """
    order = np.argsort(scores, kind="stable")
    ranked, positive = scores[order], np.asarray(y, dtype=np.float64)[order]
    starts = np.flatnonzero(np.diff(ranked, prepend=-np.inf))
    missed = np.concatenate([[0.0], np.cumsum(positive)])
    wrong = np.concatenate([[0.0], np.cumsum(1 - positive)])
    cuts = np.append(starts, len(ranked))
    costs = false_negative * missed[cuts] + false_positive * (wrong[-1] - wrong[cuts])
    levels = ranked[starts]
    between = (levels[1:] + levels[:-1]) / 2
    return np.concatenate([[0.0], between, [np.nextafter(1.0, 2.0)]]), costs / len(ranked)


def with_threshold(estimator: object, threshold: float) -> FixedThresholdClassifier:
    """Return a binary classifier, to be fitted, that says 1 from `threshold` on."""
    return FixedThresholdClassifier(
        estimator, threshold=float(threshold), pos_label=1, response_method="predict_proba"
    )


def baseline_threshold(business: Business | None) -> float:
    """Return the probability from which on saying 1 to every row is the cheaper constant."""
    if business is None:
        return EVEN
    return business.false_positive / (business.false_positive + business.false_negative)
