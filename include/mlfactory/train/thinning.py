"""Fewer rows for what need not see all of them: chosen by a hash, the rare classes kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlfactory.product.metrics import LabelKind
from mlfactory.statistics.statistic import Floats, Ints
from mlfactory.train.dataset import Rows
from mlfactory.trainings.blocks import hashes

ENOUGH_OF_A_CLASS = 5_000
"""Rows of a class that are kept whatever its share; what more there are teach little."""

_HASH_KEY = "0thinned1thinned"
"""Other than the hold-out's: of what that one left, this one leaves a fair share."""


def thinned(rows: Rows, key: list[str], kind: LabelKind, most: int) -> Rows:
    """Return about so many of the rows, and with each how many it stands for.

    Which rows is told by a hash of their key, so that no rhythm of the data meets one of ours. Of
    a class that would be left with few rows all are kept up to `ENOUGH_OF_A_CLASS`; the weights
    then say by how much the others were thinned more.

    Args:
        key: columns of the frame that name a row.
    """
    if len(rows) <= most:
        return rows
    names = [str(name) for name in key]
    hashed = hashes(rows.frame[names], _HASH_KEY)
    if kind == "regression":
        codes: Ints = np.zeros(len(rows), dtype=np.intp)
    else:
        codes = np.unique(rows.y, return_inverse=True)[1]
    sizes = np.bincount(codes)
    kept = _kept(sizes, most)
    order = np.lexsort((hashed, codes))
    starts = np.cumsum(sizes) - sizes
    chosen = [order[start : start + count] for start, count in zip(starts, kept, strict=True)]
    places = np.sort(np.concatenate(chosen))
    weights: Floats = (sizes / kept)[codes[places]]
    even = np.allclose(weights, weights[0], rtol=0.02)
    return replace(rows.take(places), weights=None if even else weights)


def _kept(sizes: Ints, most: int) -> Ints:
    """Return how many rows of each class are kept: its share, or enough of it."""
    share = np.maximum(sizes * most // sizes.sum(), 1)
    least = np.minimum(sizes, min(ENOUGH_OF_A_CLASS, most // (2 * len(sizes))))
    kept: Ints = np.maximum(share, least)
    over = int(kept.sum()) - most
    largest = int(np.argmax(kept))
    if over > 0:
        kept[largest] = max(kept[largest] - over, int(least[largest]), 1)
    return kept
