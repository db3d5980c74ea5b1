"""What chance alone does to the distance between two samples of blocks of time.

Blocks are drawn with replacement from their peers, the blocks of the same phase of a cycle (the
Mondays of a week), so that a cycle is no drift: the seasonal bootstrap of Politis (2001),
"Resampling time series with seasonal components". Single blocks are drawn, because of runs of
them, the moving blocks of Künsch (1989), a reference of a few months has too few. What blocks on
end have in common is put back by stretching the draws to the variance that the mean of an
autoregression has, fitted as Andrews & Monahan (1992, Econometrica 60(4)) prewhiten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import matmul_toeplitz

from mlfactory.statistics.histograms import Counts, Histogram
from mlfactory.statistics.statistic import Floats, Ints

MIN_PEERS = 3
"""Blocks there must be of every phase, or the cycle is not heeded."""

MAX_DECAY = 0.9
"""Blocks more alike than this from one to the next do not vary by chance: they go somewhere."""

CHUNK = 128
"""Replicates drawn at once."""

NEGLIGIBLE = 1e-18
"""A variance of shares as small as this is rounding."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Which blocks of the reference make up each replicate of both samples.

    Args:
        phases: (blocks,) phase of each block of the reference.
        reference: (replicates, blocks) how often each block is drawn for the reference.
        current: (replicates, blocks) how often for the current data.
        lengths: how many blocks are drawn for the reference and for the current data.
    """

    phases: Ints
    reference: Counts
    current: Counts
    lengths: tuple[int, int]


def draw(
    reference: Ints, current: Ints, *, cycle: int, replicates: int, generator: np.random.Generator
) -> Draws:
    """Draw replicates with as many blocks of each phase as the samples really have.

    Args:
        reference: (blocks,) the codes of the blocks of the reference, increasing.
        current: (blocks,) the codes of those of the current data.
        cycle: how many blocks make a cycle; a block's phase is its code modulo this.
        replicates: how many to draw.
        generator: source of chance.
    """
    both = np.append(reference, current) % cycle
    _, phases = np.unique(both, return_inverse=True)
    peers = np.bincount(phases[: len(reference)], minlength=phases.max() + 1)
    if peers.min() < MIN_PEERS:
        phases, peers = np.zeros_like(phases), np.array([len(reference)])
    ours, theirs = phases[: len(reference)], phases[len(reference) :]
    by_phase, first = np.argsort(ours, kind="stable"), np.cumsum(peers) - peers

    def counts(wanted: Ints) -> Counts:
        parts = []
        for start in range(0, replicates, CHUNK):
            size = min(CHUNK, replicates - start)
            chosen = (generator.random((size, len(wanted))) * peers[wanted]).astype(np.intp)
            drawn = by_phase[first[wanted] + chosen]
            drawn += len(ours) * np.arange(size)[:, np.newaxis]
            flat = np.bincount(drawn.ravel(), minlength=size * len(ours))
            parts.append(flat.reshape(size, len(ours)).astype(np.float32))
        return np.concatenate(parts)

    return Draws(ours, counts(ours), counts(theirs), (len(ours), len(theirs)))


@dataclass(frozen=True)
class Memory:
    """How blocks on end go together.

    Args:
        scale: standard deviation of blocks about trend and cycle, as a share of that of draws.
        excess: by how much the standard deviations of means over the blocks of the reference and
            of the current data exceed those of means over blocks that have nothing in common.
    """

    scale: float
    excess: Floats


def memory(histogram: Histogram, draws: Draws) -> Memory:
    """Fit a first-order autoregression, and the chance of finite rows, to the blocks.

    They are taken about a straight trend and the means of the phases. A trend within the
    reference is not chance, or the steeper it were, the less would be found.
    """
    rows = histogram.reference.sum(axis=1, keepdims=True, dtype=np.float64)
    shares = histogram.reference / rows
    if histogram.ordered:
        shares = np.cumsum(shares, axis=1)
    of_phases, _ = np.linalg.qr(np.eye(draws.phases.max() + 1)[draws.phases])
    about_phases = shares - of_phases @ (of_phases.T @ shares)
    trend = np.arange(len(rows), dtype=np.float64)
    trend -= of_phases @ (of_phases.T @ trend)
    basis = np.column_stack([of_phases, trend / np.linalg.norm(trend)])
    rest = shares - basis @ (basis.T @ shares)
    average = shares.mean(axis=0)
    variance, alike = _autoregression(
        basis,
        own=float(np.sum(rest**2)),
        beside=float(np.sum(rest[1:] * rest[:-1])),
        of_rows=float(np.mean(1 / rows) * np.sum(average * (1 - average))),
    )
    lags = np.arange(1, max(draws.lengths))
    excess = [1 + 2 * np.sum((1 - lags / n).clip(0) * alike(lags)) for n in draws.lengths]
    drawn = float(np.sum(about_phases**2)) / len(rows)
    scale = np.sqrt(variance / drawn) if drawn > NEGLIGIBLE else 1.0
    return Memory(float(scale), np.sqrt(excess))


def _autoregression(
    basis: Floats, *, own: float, beside: float, of_rows: float
) -> tuple[float, Callable[[Ints], Floats]]:
    """Return the variance of blocks, and their autocorrelation at given lags.

    Args:
        basis: (blocks, regressors) orthonormal, what the blocks were freed from.
        own: sum of squares of what was left.
        beside: sum of products of neighbours.
        of_rows: the part of the variance that comes from the finite rows of a block.
    """
    blocks, regressors = basis.shape
    first = decay = 0.0

    def alike(lags: Ints) -> Floats:
        return np.where(lags == 0, 1.0, first * decay ** (lags - 1.0).clip(0))

    variance = own / (blocks - regressors)
    if variance < NEGLIGIBLE:
        return variance, alike
    for _ in range(10):
        # What the blocks were freed from was fitted to them, and took a part of what is to be
        # measured here: the longer the memory, the more.
        spread = matmul_toeplitz(alike(np.arange(blocks)), basis)
        inner = basis.T @ spread
        taken = (
            np.sum(basis[:-1] * spread[1:])
            + np.sum(spread[:-1] * basis[1:])
            - np.sum((basis[:-1] @ inner) * basis[1:])
        )
        variance = own / (blocks - min(float(np.trace(inner)), 0.8 * blocks))
        common = max(variance - of_rows, variance / np.sqrt(blocks))
        covariance = (beside + variance * float(taken)) / (blocks - 1)
        first = float(np.clip(covariance / variance, 0, MAX_DECAY))
        decay = float(np.clip(covariance / common, 0, MAX_DECAY))
    return variance, alike


def pseudo_distances(
    histogram: Histogram, draws: Draws, stretch: Floats, rows: int, generator: np.random.Generator
) -> Floats:
    """Return the distances (replicates,) between the pseudo-samples that were drawn.

    Args:
        histogram: the feature.
        draws: the blocks of each replicate.
        stretch: (2,) by how much the deviations of the reference and of the current data exceed
            those of the draws.
        rows: of the current data; when its blocks have fewer rows than those of the reference,
            the chance of fewer rows is added.
        generator: source of that chance.
    """
    reference = _stretched(draws.reference @ histogram.reference, stretch[0])
    current = _stretched(draws.current @ histogram.as_current, stretch[1])
    drawn = histogram.reference.sum(dtype=np.float64) * draws.lengths[1] / draws.lengths[0]
    lacking = 1 / rows - 1 / drawn
    if lacking * rows > 0.05:
        average = np.maximum(current.mean(axis=0), 0)
        noise = generator.standard_normal(current.shape) * np.sqrt(average * lacking)
        current += noise - average * noise.sum(axis=1, keepdims=True)
    return histogram.distance(current - reference)


def _stretched(totals: Counts, stretch: float) -> Floats:
    """Turn (replicates, bins) rows into shares, with their deviations from the mean stretched."""
    counts = totals.astype(np.float64)
    shares: Floats = counts / counts.sum(axis=1, keepdims=True)
    average = shares.mean(axis=0)
    stretched: Floats = average + stretch * (shares - average)
    return stretched
