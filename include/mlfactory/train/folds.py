"""How fit rows are split again to compare trials: forward in time, or at random without time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from mlfactory.product.metrics import LabelKind
from mlfactory.statistics.statistic import Ints
from mlfactory.train.dataset import Rows

_FORWARD_FOLDS = 2
_SHARE_TESTED = 4
"""Each forward fold tests a quarter of the rows: the first trains on half of them."""

_RANDOM_FOLDS = 3

Fold = tuple[Ints, Ints]
"""Positions of the rows a fold trains on and of those it tests."""


def folds_of(rows: Rows, kind: LabelKind, seed: int) -> list[Fold]:
    """Return the folds that can be used: some rows to train on and test, of 2 classes or more."""
    found = _forward(rows) if rows.times is not None else _random(rows, kind, seed)
    return [fold for fold in found if all(_usable(rows, part, kind) for part in fold)]


def _forward(rows: Rows) -> Iterator[Fold]:
    """Yield folds that train on what was known when their first tested row happened."""
    times, known = rows.times, rows.known_at
    size = len(rows) // _SHARE_TESTED
    if times is None or known is None or size < 1:
        return
    for before, tested in TimeSeriesSplit(_FORWARD_FOLDS, test_size=size).split(rows.y):
        start = times.iloc[tested[0]]
        was_known = (times.iloc[before] < start) & (known.iloc[before] <= start)
        yield before[was_known.to_numpy()], tested


def _random(rows: Rows, kind: LabelKind, seed: int) -> Iterator[Fold]:
    """Yield folds of random rows; rows of one group are all in the same fold."""
    if rows.groups is not None:
        yield from _of_groups(rows, kind, seed)
        return
    splitter = KFold if kind == "regression" else StratifiedKFold
    most = (
        len(rows) if kind == "regression" else int(np.unique(rows.y, return_counts=True)[1].max())
    )
    if most < _RANDOM_FOLDS:
        return
    made = splitter(_RANDOM_FOLDS, shuffle=True, random_state=seed)
    yield from cast(Iterator[Fold], made.split(rows.inputs, rows.y))


def _of_groups(rows: Rows, kind: LabelKind, seed: int) -> Iterator[Fold]:
    if rows.groups is None or len(np.unique(rows.groups)) < _RANDOM_FOLDS:
        return
    splitter = GroupKFold if kind == "regression" else StratifiedGroupKFold
    made = splitter(_RANDOM_FOLDS, shuffle=True, random_state=seed)
    yield from cast(Iterator[Fold], made.split(rows.inputs, rows.y, rows.groups))


def _usable(rows: Rows, part: Ints, kind: LabelKind) -> bool:
    if kind == "regression":
        return len(part) > 0
    return len(np.unique(rows.y[part])) > 1
