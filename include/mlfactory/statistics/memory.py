"""How blocks of time on end go together, and how sure that is.

What blocks on end have in common is a first-order autoregression, fitted as Andrews & Monahan
(1992, Econometrica 60(4)) prewhiten. How sure the fit is decides how far chance may reach, as
Student's t does for a variance: the degrees of freedom follow from the delta method.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from mlfactory.statistics.histograms import Counted
from mlfactory.statistics.statistic import Floats, Ints

MAX_DECAY = 0.9
"""Blocks more alike than this from one to the next do not vary by chance: they go somewhere."""

_STEEPEST = 3.0
"""How much less sure the decay can be than the autocorrelation of neighbours, of which the chance
of finite rows makes a part. Beyond that the lack of memory further on would be seen."""

NEGLIGIBLE = 1e-18
"""A variance of shares as small as this is rounding."""


@dataclass(frozen=True)
class Memory:
    """How the blocks of one feature go together.

    Args:
        scale: standard deviation of blocks about trend and cycle, as a share of that of draws.
        first: autocorrelation of neighbouring blocks.
        decay: by how much that shrinks with every block further.
        freedom: independent figures that `scale` and `first` were estimated from.
        blocks: how many there were.
    """

    scale: float
    first: float
    decay: float
    freedom: float
    blocks: int

    def excess(self, length: int) -> float:
        """Return by how much the variance of a mean over `length` blocks on end exceeds that of
        blocks that have nothing in common."""
        return _excess(self.first, self.decay, length)

    def stretch(self, lengths: tuple[int, int], level: float) -> Floats:
        """Return (2,) by how much deviations of samples of two lengths exceed those of draws.

        Args:
            lengths: how many blocks each sample has.
            level: chance of a false alarm of this feature; the rarer, the more it counts that
                `scale` and `first` are estimates.
        """
        widths = np.array([self.excess(length) for length in lengths])
        caution = self._caution(lengths, level)
        stretched: Floats = self.scale * caution * np.sqrt(widths)
        return stretched

    def _caution(self, lengths: tuple[int, int], level: float) -> float:
        """Return how much wider than the normal distribution's is Student's t at `level`."""
        surer = self.first + np.sqrt(max(0.0, 1 - self.first**2) / self.freedom)
        surer = min(float(surer), MAX_DECAY)
        ratio = np.clip(self.decay / max(self.first, 1e-9), 1, _STEEPEST)
        slower = min(MAX_DECAY, max(surer, self.decay + float(ratio) * (surer - self.first)))
        here = self._width(self.first, self.decay, lengths)
        there = self._width(surer, slower, lengths)
        unsure = 2 / self.freedom + np.log(there / here) ** 2
        return float(t.isf(level, 2 / unsure) / norm.isf(level))

    def _width(self, first: float, decay: float, lengths: tuple[int, int]) -> float:
        """Return the variance of the difference of two samples, in variances of a block.

        Freeing the blocks from mean and trend took the more of that, the longer their memory is.
        """
        left = max(0.2, 1 - 2 * _excess(first, decay, self.blocks) / self.blocks)
        return sum(_excess(first, decay, length) / length for length in lengths) / left


@dataclass(frozen=True, eq=False)
class Design:
    """What blocks are freed from before their memory is fitted: means of phases, and a trend.

    A trend within the reference is not chance, or the steeper it were, the less would be found.
    What was fitted to the blocks took a part of what is to be measured, the longer the memory the
    more; how much, the sums along the diagonals of the projection tell.

    Args:
        of_phases: (blocks, phases) orthonormal.
        basis: (blocks, regressors) orthonormal, with the trend.
        own: (blocks,) by lag, how much of the blocks' covariance is taken from their variance.
        beside: (blocks,) how much from the covariance of neighbours.
    """

    of_phases: Floats
    basis: Floats
    own: Floats
    beside: Floats


def design_of(phases: Ints) -> Design:
    """Return the design of blocks with these phases (blocks,), numbered from 0 on."""
    of_phases, _ = np.linalg.qr(np.eye(phases.max() + 1)[phases])
    trend = np.arange(len(phases), dtype=np.float64)
    trend -= of_phases @ (of_phases.T @ trend)
    basis = np.column_stack([of_phases, trend / max(float(np.linalg.norm(trend)), 1e-12)])
    projection = basis @ basis.T
    twice = basis @ (basis[1:].T @ basis[:-1]) @ basis.T
    place = np.arange(len(phases))

    def along(matrix: Floats, rows: Ints) -> Floats:
        lags = np.abs(rows[:, np.newaxis] - place).ravel()
        sums = np.bincount(lags, weights=matrix.ravel(), minlength=len(phases) + 1)
        return sums[: len(phases)].astype(np.float64)

    beside = along(projection[:-1], place[:-1] + 1) + along(projection[1:], place[1:] - 1)
    return Design(of_phases, basis, along(projection, place), beside - along(twice, place))


def fit_memory(counted: Counted, design: Design) -> Memory:
    """Fit the memory of a feature, and the chance of finite rows, to its blocks."""
    rows = counted.counts.sum(axis=1, keepdims=True, dtype=np.float64)
    shares = counted.counts / rows
    if counted.ordered:
        shares = np.cumsum(shares, axis=1)
    about_phases = shares - design.of_phases @ (design.of_phases.T @ shares)
    rest = shares - design.basis @ (design.basis.T @ shares)
    average = shares.mean(axis=0)
    variance, first, decay = _autoregression(
        design,
        own=float(np.sum(rest**2)),
        beside=float(np.sum(rest[1:] * rest[:-1])),
        of_rows=float(np.mean(1 / rows) * np.sum(average * (1 - average))),
    )
    drawn = float(np.sum(about_phases**2)) / len(rows)
    scale = float(np.sqrt(variance / drawn)) if drawn > NEGLIGIBLE else 1.0
    free = max(1, len(rows) - design.basis.shape[1])
    return Memory(scale, first, decay, free * _components(rest), len(rows))


def _components(rest: Floats) -> float:
    """Return how many independent figures a block's shares are worth, at least 1."""
    gram = rest @ rest.T if rest.shape[0] < rest.shape[1] else rest.T @ rest
    total = float(np.trace(gram)) ** 2
    return total / float(np.sum(gram**2)) if total > NEGLIGIBLE**2 else 1.0


def _excess(first: float, decay: float, length: int) -> float:
    lags = np.arange(1, length)
    alike = first * decay ** (lags - 1.0)
    return float(1 + 2 * np.sum((1 - lags / length) * alike))


def _autoregression(
    design: Design, *, own: float, beside: float, of_rows: float
) -> tuple[float, float, float]:
    """Return the variance of blocks, the autocorrelation of neighbours, and its decay.

    Args:
        design: what the blocks were freed from.
        own: sum of squares of what was left.
        beside: sum of products of neighbours.
        of_rows: the part of the variance that comes from the finite rows of a block.
    """
    blocks, regressors = design.basis.shape
    first = decay = 0.0
    variance = own / max(1, blocks - regressors)
    if variance < NEGLIGIBLE:
        return variance, first, decay
    lags = np.arange(blocks)
    for _ in range(10):
        alike = np.where(lags == 0, 1.0, first * decay ** (lags - 1.0).clip(0))
        variance = own / (blocks - min(float(design.own @ alike), 0.8 * blocks))
        common = max(variance - of_rows, variance / np.sqrt(blocks))
        covariance = (beside + variance * float(design.beside @ alike)) / (blocks - 1)
        first = float(np.clip(covariance / variance, 0, MAX_DECAY))
        decay = float(np.clip(covariance / common, 0, MAX_DECAY))
    return variance, first, decay
