"""What chance alone does to the distance between two samples of blocks of time.

A replicate's shares deviate from the average as blocks do from their peers, the blocks of the same
phase of a cycle (the Mondays of a week), so that a cycle is no drift: the seasonal bootstrap of
Politis (2001), "Resampling time series with seasonal components". The blocks are not drawn but
weighted with Gaussian multipliers of the same covariance as draws have, after Chernozhukov,
Chetverikov & Kato (2013, Annals of Statistics 41(6)), who show it for maxima such as ours: one day
drawn from six Mondays would never be more unusual than the most unusual of the six. Where unusual
days are rare and far out (storms), a few days are not as normal as that: so the sample's blocks are
drawn as well, what each deviates from its peers, and the wider of the two counts. What blocks on
end have in common is put back by stretching to the variance that their memory makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlfactory.statistics.histograms import Counted, Counts
from mlfactory.statistics.statistic import Floats, Ints


@dataclass(frozen=True, eq=False)
class Draws:
    """How much each block of the reference weighs in each replicate of a sample.

    Args:
        expected: (blocks,) the mean over replicates: a sample's blocks, shared among their peers.
        weights: (replicates, blocks) deviations from it.
        length: how many blocks the sample has.
    """

    expected: Floats
    weights: Counts
    length: int


def draw(
    reference: Ints,
    wanted: Ints,
    cycle: int,
    replicates: int,
    generator: np.random.Generator,
    *,
    really: bool = False,
) -> Draws:
    """Draw replicates of a sample with as many blocks of each phase as it really has.

    A phase that the reference does not have is drawn from all blocks.

    Args:
        reference: (blocks,) the numbers of the blocks of the reference, increasing.
        wanted: (length,) the numbers of the sample's blocks.
        cycle: how many blocks make a cycle; a block's phase is its number modulo this.
        replicates: how many to draw.
        generator: source of chance.
        really: whether to draw blocks, instead of weighting all of them at random.
    """
    phases = reference % cycle
    peers = np.bincount(phases, minlength=cycle)
    share = np.bincount(wanted % cycle, minlength=cycle).astype(np.float64)
    strangers = share[peers == 0].sum()
    share[peers == 0] = 0
    expected = share[phases] / peers[phases]
    by_phase = np.zeros((len(reference), cycle), dtype=np.float32)
    by_phase[np.arange(len(reference)), phases] = 1

    share_of_peer = (1 / np.maximum(peers, 1)).astype(np.float32)

    def about_peers(chance: Counts) -> Counts:
        apart = chance - (chance @ by_phase * share_of_peer) @ by_phase.T
        return apart.astype(np.float32)

    if really:
        odds = np.full(len(reference), 1 / len(reference))
        drawn = generator.multinomial(len(wanted), odds, replicates).astype(np.float32)
        weights = about_peers(drawn)
    else:
        chance = generator.standard_normal((replicates, len(reference)), dtype=np.float32)
        weights = about_peers(chance) * np.sqrt(expected)
        if strangers:
            apart = generator.standard_normal((replicates, len(reference)), dtype=np.float32)
            apart -= apart.mean(axis=1, keepdims=True)
            weights += apart * np.sqrt(strangers / len(reference))
    if strangers:
        expected = expected + strangers / len(reference)
    return Draws(expected, weights.astype(np.float32), len(wanted))


def pseudo_distances(
    counted: Counted,
    reference: Draws,
    currents: Sequence[Draws],
    stretch: Floats,
    rows: int,
    generator: np.random.Generator,
) -> Floats:
    """Return the distances (currents, replicates) between the pseudo-samples that were drawn.

    Args:
        counted: the feature.
        reference: the replicates of the reference.
        currents: those of the current data, in one way of drawing and in others.
        stretch: (2,) by how much the deviations of the reference and of the current data exceed
            those of the draws.
        rows: of the current data; when its blocks have fewer rows than those of the reference,
            the chance of fewer rows is added.
        generator: source of that chance.
    """
    before = _shares(counted.counts, reference, stretch[0])
    found = []
    for draws in currents:
        current = _shares(counted.as_current(draws.length), draws, stretch[1])
        drawn = counted.counts.sum(dtype=np.float64) * draws.length / reference.length
        lacking = 1 / rows - 1 / drawn
        if lacking * rows > 0.05:
            average = np.maximum(current.mean(axis=0), 0)
            noise = generator.standard_normal(current.shape) * np.sqrt(average * lacking)
            current += noise - average * noise.sum(axis=1, keepdims=True)
        found.append(counted.distance(current - before))
    return np.array(found)


def _shares(counts: Counts, draws: Draws, stretch: float) -> Floats:
    """Return (replicates, bins) the shares of the rows of the replicates of a sample."""
    expected = draws.expected @ counts
    total = expected.sum()
    average = expected / total
    about = counts - counts.sum(axis=1, keepdims=True) * average
    shares: Floats = average + (stretch / total) * (draws.weights @ about.astype(np.float32))
    return shares
