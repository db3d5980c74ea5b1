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

MIN_OF_A_CLASS_IN_ORDER = 100
"""The same where order alone is asked: with 12 rows of a class, a good feature whose AUC is 0.998
reaches 0.999 in half of all cases. What parts so few without a fault is told by its neighbours."""

ROWS_LOOKED_AT = 50_000
"""More rows tell no more of a feature that tells nearly every label."""

_PARTS = 5
"""What a value tells of the rows of a part is looked up among those of the others. Parts are
stretches of time, or have entities of their own: what a day or a customer shares is no leak. Where
there are both, a leak must tell across either."""


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


def _parts(rows: int, in_time: bool, groups: Ints | None) -> list[Ints]:
    """Return (rows,) the part of each row, by every way that the rows are parted."""
    places, ways = np.arange(rows), []
    if groups is not None:
        ways.append(np.unique(groups, return_inverse=True)[1] % _PARTS)
    if in_time:
        ways.append(places * _PARTS // max(rows, 1))
    # one entity alone has nothing beside it to learn from
    ways = [parts for parts in ways if np.ptp(parts) > 0] if rows else []
    return ways or [places % _PARTS]


def _figures(
    values: pd.Series,
    known: npt.NDArray[np.bool_],
    y: npt.NDArray[np.generic],
    kind: LabelKind,
    ways: list[Ints],
) -> Iterator[tuple[str, float]]:
    rows = known & _of_known_classes(y, known, kind)
    if _enough(y[rows]):
        if pd.api.types.is_numeric_dtype(values):
            numbers = values.to_numpy(np.float64)[rows]
            if kind == "regression" or _enough_in_order(y[rows], kind):
                yield _of_order(numbers, y[rows], kind)
            yield _least([_of_neighbours(numbers, y[rows], kind, way[rows]) for way in ways])
        else:
            codes = pd.factorize(values[rows])[0]
            yield _least([_of_categories(codes, y[rows], kind, way[rows]) for way in ways])
    rows = _of_known_classes(y, np.ones(len(y), dtype=np.bool_), kind)
    if _enough(y[rows]) and not known[rows].all():
        codes = known[rows].astype(np.intp)
        figure, value = _least([_of_categories(codes, y[rows], kind, way[rows]) for way in ways])
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


def _enough_in_order(y: npt.NDArray[np.generic], kind: LabelKind) -> bool:
    """Tell whether there are rows enough of each of two classes to ask for their order."""
    positive = int(np.sum(y.astype(np.bool_)))
    return kind == "binary" and min(positive, len(y) - positive) >= MIN_OF_A_CLASS_IN_ORDER


def _least(figures: list[tuple[str, float]]) -> tuple[str, float]:
    return min(figures, key=lambda one: one[1])


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


def _of_categories(
    codes: Ints, y: npt.NDArray[np.generic], kind: LabelKind, parts: Ints
) -> tuple[str, float]:
    """Tell each row's label from the rows of its category in the other parts.

    A name that no other part has tells nothing, so that a column of names does not look perfect.
    """
    shape = int(parts.max()) + 1, int(codes.max()) + 1
    if kind == "regression":
        truth = y.astype(np.float64)
        rows = _elsewhere(np.ones(len(truth)), parts, codes, shape)
        total = _elsewhere(truth, parts, codes, shape)
        peers = np.where(rows > 0, total / np.maximum(rows, 1), truth.mean())
        about = np.sum((truth - truth.mean()) ** 2)
        return "explained variance alone", float(1 - np.sum((truth - peers) ** 2) / about)
    classes, truths = np.unique(y, return_inverse=True)
    votes = np.stack(
        [
            _elsewhere((truths == one).astype(np.float64), parts, codes, shape)
            for one in range(len(classes))
        ],
        axis=1,
    )
    mine = votes[np.arange(len(truths)), truths]
    votes[np.arange(len(truths)), truths] = -1.0
    told = mine > np.maximum(votes.max(axis=1), 0.0)
    return "balanced accuracy alone", float(
        np.mean([told[truths == one].mean() for one in range(len(classes))])
    )


def _elsewhere(weights: Floats, parts: Ints, codes: Ints, shape: tuple[int, int]) -> Floats:
    """Return (rows,) the sum of the weights of a row's category in the parts that are not its."""
    sums = np.bincount(parts * shape[1] + codes, weights, shape[0] * shape[1]).reshape(shape)
    return np.asarray((sums.sum(axis=0) - sums)[parts, codes])
