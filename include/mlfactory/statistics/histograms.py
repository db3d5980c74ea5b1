"""Features counted by block and bin: all that drift detection needs to know of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.statistics.statistic import Floats, Ints

MAX_BINS = 256
"""No more bins than this a feature; a category with a smaller share of the rows is rare."""

Counts = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Histogram:
    """How the rows of one feature fall into bins.

    Args:
        reference: (blocks, bins) rows of each block of the reference.
        as_current: (blocks, bins) the same rows as they would be counted if their block were
            part of the current data: a category that is seen nowhere else would be unseen.
        current: (bins,) rows of the current data.
        ordered: whether the bins have an order, so that cumulated shares have a meaning.
    """

    reference: Counts
    as_current: Counts
    current: Counts
    ordered: bool

    def distance(self, difference: Floats) -> Floats:
        """Return how far apart two samples are whose shares have this
        `difference` (samples, bins).

        Kolmogorov-Smirnov distance if the bins have an order, total variation if they have
        none; both are between 0 and 1, as a share of the rows.
        """
        if self.ordered:
            cumulated = np.cumsum(difference, axis=1)
            gap: Floats = np.maximum(cumulated.max(axis=1), -cumulated.min(axis=1))
            return gap
        variation: Floats = np.abs(difference).sum(axis=1) / 2
        return variation

    def observed(self) -> float:
        """Return the distance between the reference and the current data."""
        reference = self.reference.sum(axis=0, dtype=np.float64)
        current = self.current.astype(np.float64)
        difference = current / current.sum() - reference / reference.sum()
        return float(self.distance(difference[np.newaxis])[0])


def count_numeric(
    reference: npt.ArrayLike, current: npt.ArrayLike, codes: Ints, blocks: int
) -> Histogram:
    """Count numbers between quantiles of the reference; missing ones are beyond the largest.

    Args:
        reference: (rows,) numbers; nan is missing.
        current: (rows,) the same, of the current data.
        codes: (rows,) the block of each reference row, from 0 on.
        blocks: how many blocks there are.
    """
    before = np.asarray(reference, dtype=np.float64)
    now = np.asarray(current, dtype=np.float64)
    edges = _edges(before[~np.isnan(before)])
    bins = len(edges) + 2

    def place(values: Floats) -> Ints:
        return np.where(np.isnan(values), bins - 1, np.searchsorted(edges, values))

    counted = _count(place(before), codes, blocks, bins)
    return Histogram(counted, counted, _tally(place(now), bins), ordered=True)


def count_categorical(
    reference: npt.ArrayLike, current: npt.ArrayLike, codes: Ints, blocks: int, window: int
) -> Histogram:
    """Count categories; rare ones share a bin, and so do unseen ones, and missing ones.

    Categories come and go without any drift. How many rows are of a new one by nature, the
    reference tells: a category is new to a window of blocks that holds the whole of its life.

    Args:
        reference: (rows,) categories; None and nan are missing.
        current: (rows,) the same, of the current data.
        codes: (rows,) the block of each reference row, from 0 on.
        blocks: how many blocks there are.
        window: how many blocks the current data has.
    """
    levels, names = pd.factorize(pd.Series(reference))
    sizes = np.bincount(levels[levels >= 0], minlength=len(names))
    kept = sizes * MAX_BINS >= len(levels)
    rare = int(kept.sum())
    unseen, missing, bins = rare + 1, rare + 2, rare + 3
    # Two more entries at the end: an unseen category has index -1, a missing one is given -2.
    bin_of = np.append(np.where(kept, np.cumsum(kept) - 1, rare), [missing, unseen])

    now = pd.Series(current)
    found = pd.Index(names).get_indexer(now)
    found = np.where(now.isna(), -2, found)
    placed = bin_of[np.where(levels >= 0, levels, -2)]
    counted = _count(placed, codes, blocks, bins)

    known = levels >= 0
    novel = np.zeros(len(levels))
    novel[known] = _novelty(levels[known], codes[known], len(names), min(window, blocks // 2))
    as_current = counted - _count(placed, codes, blocks, bins, weights=novel)
    as_current[:, unseen] += np.bincount(codes, novel, blocks).astype(np.float32)
    return Histogram(counted, as_current, _tally(bin_of[found], bins), ordered=False)


def _edges(known: Floats) -> Floats:
    """Return increasing edges; a value is in the first bin whose edge is not below it.

    Few distinct values get a bin each, and one for what lies between them.
    """
    if not known.size:
        return known
    ranked = np.sort(known)
    distinct = ranked[np.append(True, ranked[1:] != ranked[:-1])]
    inner = MAX_BINS - 3
    if 2 * len(distinct) <= inner:
        return np.unique(np.append(np.nextafter(distinct, -np.inf), distinct))
    quantiles = ranked[(np.arange(1, inner) * len(ranked)) // inner]
    ends = [np.nextafter(ranked[0], -np.inf), ranked[-1]]
    return np.unique(np.append(quantiles, ends))


def _novelty(levels: Ints, codes: Ints, names: int, window: int) -> Floats:
    """Return each row's share of the windows around it to which its level would be new."""
    first = np.full(names, np.iinfo(np.intp).max)
    last = np.full(names, -1)
    np.minimum.at(first, levels, codes)
    np.maximum.at(last, levels, codes)
    newness: Floats = np.maximum(0, 1 - (last - first) / window)
    return newness[levels]


def _count(
    placed: Ints, codes: Ints, blocks: int, bins: int, weights: Floats | None = None
) -> Counts:
    flat = np.bincount(codes * bins + placed, weights, blocks * bins)
    return flat.reshape(blocks, bins).astype(np.float32)


def _tally(placed: Ints, bins: int) -> Counts:
    return np.bincount(placed, minlength=bins).astype(np.float32)
