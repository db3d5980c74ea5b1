"""Features counted by block and bin: all that drift detection needs to know of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.statistics.statistic import Floats, Ints

FeatureKind = Literal["numeric", "categorical"]

MAX_BINS = 256
"""No more bins than this a feature; a category with a smaller share of the rows is rare."""

MIN_BINS = 32
"""No fewer than this, however many blocks there are."""

CELLS = 2**15
"""Blocks times bins of a feature, above which bins are made wider: a year of hours stays small."""

NAMES_KEPT = 10_000
"""With more categories than this, rare ones and unseen ones are not told apart."""

Counts = npt.NDArray[np.float32]

Columns = Mapping[str, npt.ArrayLike] | pd.DataFrame
"""Values (rows,) by feature."""


@dataclass(frozen=True, eq=False)
class Counted:
    """How the rows of one feature of the reference fall into bins.

    Args:
        kind: numbers lie in bins that have an order, so that cumulated shares have a meaning.
        edges: increasing; a number is in the first bin whose edge is not below it, or in the one
            after the last edge; missing numbers have the bin after that. Empty for categories.
        levels: categories with a bin of their own, in the order of the bins. After them come the
            bins of the rare, of the unseen and of the missing ones.
        rare: the categories that share a bin; None if they were too many to remember, and then
            unseen ones count as rare.
        counts: (blocks, bins) rows.
        lives: (entries, 4) of categories that did not live through the reference: block, bin, the
            blocks from their first row to their last, and rows.
    """

    kind: FeatureKind
    edges: Floats
    levels: tuple[str, ...]
    rare: tuple[str, ...] | None
    counts: Counts
    lives: Ints

    @property
    def ordered(self) -> bool:
        """Tell whether the bins have an order."""
        return self.kind == "numeric"

    @property
    def bins(self) -> int:
        """Return how many bins there are."""
        return int(self.counts.shape[1])

    def tally(self, values: npt.ArrayLike, counts: Ints | None = None) -> Ints:
        """Return (bins,) how many of some values are in each bin.

        Args:
            counts: (values,) how often each is there; once by default.
        """
        placed = self._number(values) if self.ordered else self._category(values)
        if counts is None:
            return np.bincount(placed, minlength=self.bins)
        found: Ints = np.bincount(placed, counts, minlength=self.bins).astype(np.intp)
        return found

    def as_current(self, window: int) -> Counts:
        """Return the counts (blocks, bins) as they would be if a block were current data.

        Categories come and go without any drift. How many rows are of a new one by nature, the
        reference tells: a category is new to a window of blocks that holds the whole of its life.
        """
        if not len(self.lives):
            return self.counts
        block, bin_of, span, rows = self.lives.T
        window = max(1, min(window, len(self.counts) // 2))
        novel = np.maximum(0, 1 - span / window) * rows
        moved = self.counts.astype(np.float64)
        np.subtract.at(moved, (block, bin_of), novel)
        np.add.at(moved, (block, self.bins - 2), novel)
        return moved.astype(np.float32)

    def distance(self, difference: Floats) -> Floats:
        """Return how far apart samples are whose shares have this `difference` (samples, bins).

        Kolmogorov-Smirnov distance if the bins have an order, total variation if they have
        none; both are between 0 and 1, as a share of the rows.
        """
        return distance(difference, ordered=self.ordered)

    def observed(self, current: Ints) -> float:
        """Return the distance between the reference and current data that was tallied."""
        then, now = self.counts.sum(axis=0, dtype=np.float64), current.astype(np.float64)
        difference = now / now.sum() - then / then.sum()
        return float(self.distance(difference[np.newaxis])[0])

    def _number(self, values: npt.ArrayLike) -> Ints:
        numbers = np.asarray(values, dtype=np.float64)
        return np.where(np.isnan(numbers), self.bins - 1, np.searchsorted(self.edges, numbers))

    def _category(self, values: npt.ArrayLike) -> Ints:
        names, missing = _names(values)
        placed = self._places.get_indexer(pd.Index(names))
        rare, unseen = len(self.levels), len(self.levels) + (0 if self.rare is None else 1)
        placed = np.where(placed < 0, unseen, np.minimum(placed, rare))
        return np.where(missing, self.bins - 1, placed)

    @cached_property
    def _places(self) -> pd.Index:
        return pd.Index([*self.levels, *(self.rare or ())], dtype=object)


def distance(difference: Floats, *, ordered: bool) -> Floats:
    """Return how far apart samples are whose shares by bin differ so; see `Counted.distance`.

    Args:
        difference: (samples, bins) of shares of the rows.
        ordered: whether the bins have an order.
    """
    if ordered:
        cumulated = np.cumsum(difference, axis=1)
        gap: Floats = np.maximum(cumulated.max(axis=1), -cumulated.min(axis=1))
        return gap
    variation: Floats = np.abs(difference).sum(axis=1) / 2
    return variation


def count(values: npt.ArrayLike, kind: FeatureKind, codes: Ints, blocks: int) -> Counted:
    """Count one feature of the reference.

    Numbers are counted between their quantiles, categories by name; rare ones share a bin.

    Args:
        values: (rows,) numbers or categories; None and nan are missing.
        kind: which of the two.
        codes: (rows,) the block of each row, from 0 on.
        blocks: how many blocks there are.
    """
    bins = int(np.clip(CELLS // max(1, blocks), MIN_BINS, MAX_BINS))
    if kind == "numeric":
        return _count_numbers(np.asarray(values, dtype=np.float64), codes, blocks, bins)
    return _count_categories(values, codes, blocks, bins)


def _count_numbers(values: Floats, codes: Ints, blocks: int, most: int) -> Counted:
    edges = _edges(values[~np.isnan(values)], most)
    bins = len(edges) + 2
    placed = np.where(np.isnan(values), bins - 1, np.searchsorted(edges, values))
    return Counted("numeric", edges, (), (), _by_block(placed, codes, blocks, bins), _NO_LIVES)


def _count_categories(values: npt.ArrayLike, codes: Ints, blocks: int, most: int) -> Counted:
    names, missing = _names(values)
    names[missing] = None
    levels, known = pd.factorize(names)
    sizes = np.bincount(levels[levels >= 0], minlength=len(known))
    kept = sizes * most >= len(levels)
    rare = int(kept.sum())
    bin_of = np.where(kept, np.cumsum(kept) - 1, rare)
    bins = rare + 3
    seen = levels >= 0
    placed = np.full(len(levels), bins - 1)
    placed[seen] = bin_of[levels[seen]]
    too_many = len(known) > NAMES_KEPT
    return Counted(
        kind="categorical",
        edges=np.array([]),
        levels=tuple(known[kept]),
        rare=None if too_many else tuple(known[~kept]),
        counts=_by_block(placed, codes, blocks, bins),
        lives=_NO_LIVES if too_many else _lives(levels, placed, codes, len(known), blocks),
    )


_NO_LIVES: Ints = np.zeros((0, 4), dtype=np.intp)


def _lives(levels: Ints, placed: Ints, codes: Ints, names: int, blocks: int) -> Ints:
    """Return (entries, 4) block, bin, span and rows of categories that lived less than half."""
    seen = levels >= 0
    levels, placed, codes = levels[seen], placed[seen], codes[seen]
    first, last = np.full(names, blocks), np.full(names, -1)
    np.minimum.at(first, levels, codes)
    np.maximum.at(last, levels, codes)
    span = (last - first)[levels]
    short = span < blocks // 2
    if not short.any():
        return _NO_LIVES
    entries = np.stack([codes[short], placed[short], span[short]], axis=1)
    distinct, rows = np.unique(entries, axis=0, return_counts=True)
    return np.column_stack([distinct, rows]).astype(np.intp)


def _names(values: npt.ArrayLike) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.bool_]]:
    """Return categories as the text that a model is given, and which of them are missing."""
    series = pd.Series(np.asarray(values))
    missing = series.isna().to_numpy(dtype=bool)
    return series.astype("str").to_numpy(dtype=object), missing


def _edges(known: Floats, most: int) -> Floats:
    """Return increasing edges; few distinct values get a bin each, and one for what lies between
    them."""
    if not known.size:
        return known
    ranked = np.sort(known)
    distinct = ranked[np.append(True, ranked[1:] != ranked[:-1])]
    inner = most - 3
    if 2 * len(distinct) <= inner:
        return np.unique(np.append(np.nextafter(distinct, -np.inf), distinct))
    quantiles = ranked[(np.arange(1, inner) * len(ranked)) // inner]
    ends = [np.nextafter(ranked[0], -np.inf), ranked[-1]]
    return np.unique(np.append(quantiles, ends))


def _by_block(placed: Ints, codes: Ints, blocks: int, bins: int) -> Counts:
    flat = np.bincount(codes * bins + placed, minlength=blocks * bins)
    return flat.reshape(blocks, bins).astype(np.float32)
