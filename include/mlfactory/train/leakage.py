"""Features that give the label away: found one by one before any model is searched for.

A feature that alone tells (nearly) every label was most likely made from it. A model that has it
shines on every held-out row and fails in production, where the feature is not known yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata, spearmanr

from mlfactory.product.errors import LeakageError
from mlfactory.product.metrics import LabelKind
from mlfactory.statistics.statistic import Floats, Ints

GIVES_AWAY = 0.999
"""Legitimate features come close to 1 (distance tells air time with a correlation of 0.99), not
this close."""

MIN_ROWS = 100
MIN_ROWS_OF_A_CLASS = 10
"""With fewer rows a good feature can tell all of them by luck. A class with fewer is left out."""

ROWS_LOOKED_AT = 50_000
"""More rows tell no more of a feature that tells nearly every label."""

_PARTS = 5
"""What a number tells of the rows of a part is looked up among those of the others. Parts are
stretches of time, or have entities of their own: what a day or a customer shares is no leak."""


@dataclass(frozen=True)
class Leak:
    """A feature that gives the label away, and by which figure it was found."""

    feature: str
    figure: str
    value: float


def refuse_leaks(
    inputs: pd.DataFrame,
    y: npt.NDArray[np.generic],
    kind: LabelKind,
    *,
    in_time: bool = False,
    groups: Ints | None = None,
) -> None:
    """Look at each feature alone; `ROWS_LOOKED_AT` rows are enough.

    Args:
        in_time: whether the rows are in the order of time.
        groups: (rows,) the entity of each row, if any are known.

    Raises:
        LeakageError: if any gives the label away; names every one of them.
    """
    leaks = list(find_leaks(inputs, y, kind, in_time=in_time, groups=groups))
    if not leaks:
        return
    named = "; ".join(f"'{leak.feature}' ({leak.figure} {leak.value:.4f})" for leak in leaks)
    several = len(leaks) > 1
    raise LeakageError(
        f"{'features give' if several else 'a feature gives'} the label away: {named}. "
        f"{'They were' if several else 'It was'} most likely made from it or recorded after it",
        remedy=f"take {'them' if several else 'it'} out of features.numeric and "
        "features.categorical, or build from what is known before the event only",
    )


def find_leaks(
    inputs: pd.DataFrame,
    y: npt.NDArray[np.generic],
    kind: LabelKind,
    *,
    in_time: bool = False,
    groups: Ints | None = None,
) -> Iterator[Leak]:
    """Yield the columns of `inputs` that alone tell the label of nearly every row."""
    if kind != "regression":
        y = np.unique(y, return_inverse=True)[1]
    parts = _parts(len(y), in_time, groups)
    for name in inputs.columns:
        values = inputs[name]
        known = values.notna().to_numpy()
        for figure, value in _figures(values, known, y, kind, parts):
            if value >= GIVES_AWAY:
                yield Leak(str(name), figure, value)
                break


def _parts(rows: int, in_time: bool, groups: Ints | None) -> Ints:
    if groups is not None:
        return np.unique(groups, return_inverse=True)[1] % _PARTS
    places = np.arange(rows)
    return places * _PARTS // max(rows, 1) if in_time else places % _PARTS


def _figures(
    values: pd.Series,
    known: npt.NDArray[np.bool_],
    y: npt.NDArray[np.generic],
    kind: LabelKind,
    parts: Ints,
) -> Iterator[tuple[str, float]]:
    rows = known & _of_known_classes(y, known, kind)
    if _enough(y[rows]):
        if pd.api.types.is_numeric_dtype(values):
            numbers = values.to_numpy(np.float64)[rows]
            if kind != "multiclass":
                yield _of_order(numbers, y[rows], kind)
            yield _of_neighbours(numbers, y[rows], kind, parts[rows])
        else:
            yield _of_categories(pd.factorize(values[rows])[0], y[rows], kind)
    rows = _of_known_classes(y, np.ones(len(y), dtype=np.bool_), kind)
    if _enough(y[rows]) and not known[rows].all():
        figure, value = _of_categories(known[rows].astype(np.intp), y[rows], kind)
        yield f"{figure} of being missing", value


def _of_known_classes(
    y: npt.NDArray[np.generic], among: npt.NDArray[np.bool_], kind: LabelKind
) -> npt.NDArray[np.bool_]:
    """Tell for each row whether its class has rows enough among some."""
    if kind == "regression":
        return among
    counts = np.bincount(y[among].astype(np.intp), minlength=int(y.max(initial=0)) + 1)
    enough: npt.NDArray[np.bool_] = counts >= MIN_ROWS_OF_A_CLASS
    return enough[y.astype(np.intp)]


def _enough(y: npt.NDArray[np.generic]) -> bool:
    return len(y) >= MIN_ROWS and bool(np.ptp(y.astype(np.float64)) > 0)


def _of_order(values: Floats, y: npt.NDArray[np.generic], kind: LabelKind) -> tuple[str, float]:
    if np.ptp(values) == 0:
        return "correlation", 0.0
    if kind == "regression":
        return "rank correlation", abs(float(spearmanr(values, y).statistic))
    positive = y.astype(np.bool_)
    above = rankdata(values)[positive].sum() - positive.sum() * (positive.sum() + 1) / 2
    area = above / (positive.sum() * (~positive).sum())
    return "AUC alone", float(max(area, 1 - area))


def _of_neighbours(
    values: Floats, y: npt.NDArray[np.generic], kind: LabelKind, parts: Ints
) -> tuple[str, float]:
    """Tell each row's label from the nearest values in the other parts, above and below.

    That finds what has no order in it, such as a code, an interval, or a square. A class is told
    if either neighbour has it, so that the ends of an interval count; a value lies on the line
    between them.
    """
    if kind == "regression":
        # by its rank no value counts so much that its neighbours must reach it
        truth = rankdata(y.astype(np.float64))
        said = np.full(len(truth), truth.mean())
        for part in np.unique(parts):
            here = parts == part
            if not here.all():
                levels, codes = np.unique(values[~here], return_inverse=True)
                means = np.bincount(codes, truth[~here]) / np.bincount(codes)
                said[here] = np.interp(values[here], levels, means)
        about = np.sum((truth - truth.mean()) ** 2)
        return "explained variance of ranks alone", float(1 - np.sum((truth - said) ** 2) / about)
    classes = y.astype(np.intp)
    told = np.zeros(len(classes), dtype=np.bool_)
    for part in np.unique(parts):
        here = parts == part
        if not here.all():
            told[here] = _told_by(values[~here], classes[~here], values[here], classes[here])
    return "balanced accuracy alone", float(
        np.mean([told[classes == one].mean() for one in np.unique(classes)])
    )


def _told_by(values: Floats, classes: Ints, asked: Floats, truth: Ints) -> npt.NDArray[np.bool_]:
    """Return (asked,) whether the level at a value, or else one beside it, has its class most."""
    levels, codes = np.unique(values, return_inverse=True)
    width = int(max(classes.max(), truth.max())) + 1
    pairs, counts = np.unique(codes * width + classes, return_counts=True)
    usual = np.empty(len(levels), dtype=np.intp)
    rising = np.argsort(counts, kind="stable")
    usual[pairs[rising] // width] = pairs[rising] % width  # the most frequent is written last
    above = np.searchsorted(levels, asked)
    below = np.maximum(above - 1, 0)
    above = np.minimum(above, len(levels) - 1)
    same = levels[above] == asked
    found: npt.NDArray[np.bool_] = (usual[above] == truth) | (~same & (usual[below] == truth))
    return found


def _of_categories(codes: Ints, y: npt.NDArray[np.generic], kind: LabelKind) -> tuple[str, float]:
    """Tell each row's label from the other rows of its category.

    Leaving the row itself out keeps a column of names, each of one row, from looking perfect.
    """
    if kind == "regression":
        return "explained variance alone", _explained_by_peers(codes, y.astype(np.float64))
    classes, truth = np.unique(y, return_inverse=True)
    counts = np.zeros((codes.max() + 1, len(classes)))
    np.add.at(counts, (codes, truth), 1)
    ordered = np.sort(counts, axis=1)
    rival = np.where(counts == ordered[:, -1:], ordered[:, -2:-1], ordered[:, -1:])
    told = counts * (counts - 1 > rival)
    return "balanced accuracy alone", float(np.mean(told.sum(axis=0) / counts.sum(axis=0)))


def _explained_by_peers(codes: Ints, y: Floats) -> float:
    rows, total = np.bincount(codes)[codes], np.bincount(codes, y)[codes]
    peers = np.where(rows > 1, (total - y) / np.maximum(rows - 1, 1), y.mean())
    return float(1 - np.sum((y - peers) ** 2) / np.sum((y - y.mean()) ** 2))
