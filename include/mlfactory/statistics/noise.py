"""How much of a figure is chance, where rows share their day, their customer or nothing at all.

A figure is nearly a sum of one influence a row. The influences of a day are summed, and the days
of a hold-out are a short series whose memory is not known: some of what a day brought, the next
one has too. Its memory is that of white noise plus a first-order autoregression (`MEMORIES`, each
with `SHARES` of the variance), and each of these worlds is weighed by how well it explains the
series: the likelihood of its contrasts (Harville 1974, Biometrika 61(2)), in the basis of cosines
in which such worlds are nearly independent (Müller 2014, "HAC corrections for strongly
autocorrelated time series", Journal of Business & Economic Statistics 32(3)). In each world the
figure's error is a t distribution; chance is their mixture. Where the series is too short to tell
one world from another, the worst of them is assumed.

Rows of one customer are summed likewise (Liang & Zeger 1986, Biometrika 73(1)), and where there
are customers and days, what customers have in common beyond the day is added (Cameron, Gelbach &
Miller 2011, "Robust inference with multiway clustering", same journal 29(2)).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.fft import dct
from scipy.optimize import brentq
from scipy.signal import lfilter
from scipy.special import stdtr, stdtrit

from mlfactory.statistics.statistic import Floats, Ints

MEMORIES = (0.8, 0.9)
"""How alike the autoregression's values of neighbouring days are; the gates are tried up to 0.8."""

SHARES = (0.3, 0.6, 1.0)
"""Parts of a day's variance that have this memory; the rest is the day's own."""

INDEPENDENT = 0.6
"""How likely days without memory are, before the series was seen; found by simulation."""

ENOUGH = 10.0
"""Days (or groups, or rows) without memory that tell as much: with fewer nothing can be told."""


FEW_DAYS = 14.0
"""With fewer days than these even days without memory look as if they might have some."""


@dataclass(frozen=True, eq=False)
class Noise:
    """What chance does to a figure: a mixture of t distributions around 0.

    Args:
        weights: (worlds,) how likely each is; they sum to 1.
        errors: (worlds,) standard error of the figure in each.
        freedom: degrees of freedom.
        units: how many days, groups or rows were summed.
        effective: how many without memory, and of one size, would tell as much.
        least: below how many units of this kind nothing is ever told.
    """

    weights: Floats
    errors: Floats
    freedom: float
    units: int
    effective: float
    least: float = ENOUGH

    @property
    def tells(self) -> bool:
        """Tell whether there are units enough to know how large chance is."""
        return self.effective >= ENOUGH

    @property
    def needed(self) -> float:
        """Return how many units of this kind it takes to tell."""
        if self.tells:
            return float(self.units)
        told = self.units * ENOUGH / self.effective if self.effective > 0 else 0.0
        return max(self.least, float(told))

    def beyond(self, distance: float) -> float:
        """Return the probability that chance alone makes a figure larger by `distance` or more.

        It is 1/2 for a distance of 0; nan where the size of chance is unknown.
        """
        if not np.all(np.isfinite(self.errors)):
            return float("nan")
        if distance == 0 or not np.any(self.errors > 0):
            return 0.5 if distance == 0 else float(distance < 0)
        away = -distance / np.maximum(self.errors, np.finfo(np.float64).tiny)
        return float(self.weights @ stdtr(self.freedom, away))

    def reach(self, tail: float) -> float:
        """Return the distance that chance passes with probability `tail`, which is below 1/2."""
        if not np.all(np.isfinite(self.errors)):
            return float("nan")
        farthest = float(np.max(self.errors) * -stdtrit(self.freedom, tail))
        if not self.beyond(farthest) < tail:
            return farthest  # one world only, or no chance at all
        return float(brentq(lambda away: self.beyond(away) - tail, 0.0, farthest, rtol=1e-10))


def noise(influences: Floats, blocks: Ints | None, groups: Ints | None) -> Noise:
    """Tell what chance does to a figure.

    Args:
        influences: (rows,) by how much the figure changes for a change of each row's weight.
        blocks: (rows,) code of the day of each row; None where rows have no time.
        groups: (rows,) code of the customer (or other entity) of each row; None where rows are
            entities of their own.
    """
    if not np.all(np.isfinite(influences)) or not len(influences):
        return _unknown(len(influences))
    if blocks is None:
        return _of_groups(influences, groups)
    sums = _summed(influences, blocks)
    if len(sums) < 2:
        return _unknown(len(sums), FEW_DAYS)
    found = _of_days(sums)
    return found if groups is None else _with_groups(found, influences, blocks, groups)


def _unknown(units: int, least: float = ENOUGH) -> Noise:
    return Noise(np.ones(1), np.full(1, np.nan), 1.0, units, float(min(units, 1)), least)


def _summed(influences: Floats, codes: Ints) -> Floats:
    _, places = np.unique(codes, return_inverse=True)
    return np.bincount(places, influences).astype(np.float64)


def _of_groups(influences: Floats, groups: Ints | None) -> Noise:
    sums = influences if groups is None else _summed(influences, groups)
    units = len(sums)
    if units < 2:
        return _unknown(units)
    effective = float(units) if groups is None else _alike(groups)
    error = np.sqrt(units / (units - 1) * np.sum(sums**2))
    return Noise(np.ones(1), np.array([error]), max(effective - 1, 1.0), units, effective)


def _alike(groups: Ints) -> float:
    """Return how many groups of one size say as much (Kish 1965, "Survey sampling")."""
    _, sizes = np.unique(groups, return_counts=True)
    return float(np.sum(sizes) ** 2 / np.sum(sizes.astype(np.float64) ** 2))


def _of_days(sums: Floats) -> Noise:
    """Weigh the worlds by the series of the days' sums (days,)."""
    days = len(sums)
    spectra, priors = _worlds(days)
    contrasts = dct(sums, norm="ortho")[1:] ** 2
    squares = (contrasts / spectra[:, 1:]).sum(axis=1)
    errors = np.sqrt(squares / (days - 1) * spectra[:, 0] * days)
    if not np.any(squares > 0):
        return Noise(priors, errors, days - 1, days, float(days), FEW_DAYS)
    likelihood = -np.log(spectra[:, 1:]).sum(axis=1) / 2 - (days - 1) / 2 * np.log(squares)
    weights = priors * np.exp(likelihood - likelihood.max())
    weights /= weights.sum()
    effective = float(weights @ (days / spectra[:, 0]))
    if effective < ENOUGH:
        weights = np.zeros_like(weights)
        weights[np.argmax(errors)] = 1.0
    return Noise(weights, errors, days - 1, days, effective, FEW_DAYS)


def _with_groups(found: Noise, influences: Floats, blocks: Ints, groups: Ints) -> Noise:
    _, places = np.unique(np.stack([blocks, groups]), axis=1, return_inverse=True)
    together = np.sum(_summed(influences, groups) ** 2)
    apart = np.sum(np.bincount(places.ravel(), influences) ** 2)
    alike = _alike(groups)
    return Noise(
        found.weights,
        np.sqrt(found.errors**2 + max(together - apart, 0.0)),
        max(min(found.freedom, alike - 1), 1.0),
        found.units,
        min(found.effective, alike),
        FEW_DAYS,
    )


@lru_cache(maxsize=64)
def _worlds(days: int) -> tuple[Floats, Floats]:
    """Return the variances (worlds, days) of the cosines' coefficients, and the priors (worlds,).

    The first world is that of days without memory.
    """
    spectra = [np.ones(days)]
    cosines = dct(np.eye(days), axis=0, norm="ortho")
    for memory in MEMORIES:
        # c'Kc with K = memory^|i-j|, by the recursion that sums what came before each day
        past = lfilter([1.0], [1.0, -memory], cosines, axis=1)
        full = 2 * np.sum(cosines * past, axis=1) - 1
        spectra += [(1 - share) + share * full for share in SHARES]
    others = (1 - INDEPENDENT) / (len(spectra) - 1)
    return np.array(spectra), np.array([INDEPENDENT] + [others] * (len(spectra) - 1))
