"""How far people agree who labelled the same rows, beyond what chance would give."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Agreement:
    """How far two agree.

    Attributes:
        rows: that both labelled.
        raw: share of these on which they agree; nan of no rows.
        kappa: Cohen's: 1 is always, 0 as often as chance would; nan where chance gives all, as
            where both said one thing only.
    """

    rows: int
    raw: float
    kappa: float


def agreement(one: npt.NDArray[np.object_], other: npt.NDArray[np.object_]) -> Agreement:
    """Return how far two agree.

    Args:
        one: (rows,) the labels of one of them.
        other: (rows,) those of the other.
    """
    rows = len(one)
    if not rows:
        return Agreement(0, math.nan, math.nan)
    raw = float(np.mean(one == other))
    labels = set(one) | set(other)
    chance = sum(float(np.mean(one == label)) * float(np.mean(other == label)) for label in labels)
    kappa = (raw - chance) / (1 - chance) if chance < 1 else math.nan
    return Agreement(rows, raw, kappa)
