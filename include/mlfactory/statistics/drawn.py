"""What all rows are like, of which some were drawn: an estimate with an interval that is honest.

Rows lie in strata, of which each is known how many rows it has; within one, every row had the same
chance to be looked at. An estimate weighs each row by how many it stands for (Horvitz and Thompson;
over the rows that are known instead of those that are expected, Hájek).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from mlfactory.statistics.estimate import Estimate


@dataclass(frozen=True, eq=False)
class Stratum:
    """Rows that were looked at of so many.

    Attributes:
        values: (rows,) what is averaged, of each row that was looked at.
        of: how many rows there are; as many as `values` has where all were looked at.
    """

    values: npt.NDArray[np.float64]
    of: int


def mean_of_all(
    strata: Sequence[Stratum], *, most: float | None = None, confidence: float = 0.95
) -> Estimate:
    """Return the mean over all rows of all strata, of those that were looked at.

    A stratum of which no row was looked at says nothing, and there is no estimate: nan.

    Args:
        most: the largest value that there can be, the smallest being 0; then the interval is
            Wilson's, which holds also where few rows were looked at, or all had one value.
            Without it, Student's, which needs many rows where few of them have most of the sum.
    """
    strata = [stratum for stratum in strata if stratum.of]
    total = sum(stratum.of for stratum in strata)
    if not total or any(not len(stratum.values) for stratum in strata):
        return Estimate(math.nan, math.nan, math.nan)
    shares = np.array([stratum.of / total for stratum in strata])
    means = np.array([float(stratum.values.mean()) for stratum in strata])
    value = float(shares @ means)
    if most is None:
        return _by_variance(strata, shares, value, confidence)
    # what was looked at as a whole is known, and no part of what is estimated
    left = np.array([len(stratum.values) < stratum.of for stratum in strata])
    if not left.any():
        return Estimate(value, value, value)
    share = float(shares[left].sum())
    known = float(shares[~left] @ means[~left])
    drawn = [stratum for stratum, is_left in zip(strata, left, strict=True) if is_left]
    low, high = _wilson(drawn, shares[left] / share, most, confidence)
    return Estimate(value, min(known + share * low, value), max(known + share * high, value))


def _wilson(
    strata: Sequence[Stratum], shares: npt.NDArray[np.float64], most: float, confidence: float
) -> tuple[float, float]:
    """Return one interval of the mean of strata that were looked at in part.

    It is that of as many rows, drawn from all with the same chance, as would vary as much. No more
    of them than where the strata are alike: a stratum whose few rows have one value has a spread
    that is not seen, and is not 0. An interval of each stratum, joined, would be too narrow:
    Wilson's are drawn to the middle, all by the same way, which adds up while widths do not.
    """
    z = float(stats.norm.ppf((1 + confidence) / 2))
    means = np.array([float(stratum.values.mean()) for stratum in strata]) / most
    mean = min(max(float(shares @ means), 0.0), 1.0)
    widest = mean * (1 - mean)
    alike = spread = 0.0
    for stratum, share in zip(strata, shares, strict=True):
        seen = len(stratum.values)
        # of few rows that are left little is unknown
        weight = float(share) ** 2 * (stratum.of - seen) / (seen * (stratum.of - 1))
        alike += weight
        own = float(np.var(stratum.values / most, ddof=1)) if seen > 1 else widest
        spread += weight * own
    rows = min(1 / alike, widest / spread) if spread else 1 / alike
    middle = (mean + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(widest / rows + (z / (2 * rows)) ** 2)
    return most * max(middle - half, 0.0), most * min(middle + half, 1.0)


def _by_variance(
    strata: Sequence[Stratum],
    shares: npt.NDArray[np.float64],
    value: float,
    confidence: float,
) -> Estimate:
    """Return the estimate with Student's interval; nan where a stratum's spread is not known."""
    parts, degrees = [], 0.0
    for stratum, share in zip(strata, shares, strict=True):
        seen = len(stratum.values)
        if seen >= stratum.of:
            continue
        # also values that were all the same: most of what there is may lie in rows not looked at
        if seen < 2 or not np.ptp(stratum.values):
            return Estimate(value, math.nan, math.nan)
        spread = float(np.var(stratum.values, ddof=1)) / seen * (1 - seen / stratum.of)
        parts.append(float(share) ** 2 * spread)
        degrees += parts[-1] ** 2 / (seen - 1)
    variance = sum(parts)
    if not variance:
        return Estimate(value, value, value)
    half = float(stats.t.ppf((1 + confidence) / 2, variance**2 / degrees)) * math.sqrt(variance)
    return Estimate(value, value - half, value + half)
