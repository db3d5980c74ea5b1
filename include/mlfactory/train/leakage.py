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
from sklearn.tree import DecisionTreeClassifier

from mlfactory.product.errors import LeakageError
from mlfactory.product.metrics import LabelKind
from mlfactory.statistics.statistic import Floats, Ints

GIVES_AWAY = 0.999
"""Legitimate features come close to 1 (distance tells air time with a correlation of 0.99), not
this close."""

MIN_ROWS = 100
MIN_ROWS_OF_A_CLASS = 20
"""With fewer rows a good feature can tell all of them by luck."""

ROWS_LOOKED_AT = 50_000
"""More rows tell no more of a feature that tells nearly every label."""

_CUTS_A_CLASS = 4

_LEVELS_OF_A_CODE = 100
_ROWS_OF_A_LEVEL = 5
"""Numbers with few values, each of several rows, may be codes: then it is the value that tells
the label and not its size, as where the label is `code == 2`."""


@dataclass(frozen=True)
class Leak:
    """A feature that gives the label away, and by which figure it was found."""

    feature: str
    figure: str
    value: float


def refuse_leaks(inputs: pd.DataFrame, y: npt.NDArray[np.generic], kind: LabelKind) -> None:
    """Look at each feature alone; `ROWS_LOOKED_AT` rows are enough.

    Raises:
        LeakageError: if any gives the label away; names every one of them.
    """
    leaks = list(find_leaks(inputs, y, kind))
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


def find_leaks(inputs: pd.DataFrame, y: npt.NDArray[np.generic], kind: LabelKind) -> Iterator[Leak]:
    """Yield the columns of `inputs` that alone tell the label of nearly every row."""
    for name in inputs.columns:
        values = inputs[name]
        known = values.notna().to_numpy()
        for figure, value in _figures(values, known, y, kind):
            if value >= GIVES_AWAY:
                yield Leak(str(name), figure, value)
                break


def _figures(
    values: pd.Series, known: npt.NDArray[np.bool_], y: npt.NDArray[np.generic], kind: LabelKind
) -> Iterator[tuple[str, float]]:
    numeric = pd.api.types.is_numeric_dtype(values)
    if _enough(y[known], kind):
        if numeric:
            yield _of_numbers(values.to_numpy(np.float64)[known], y[known], kind)
        if not numeric or _may_be_codes(values[known]):
            codes = pd.factorize(values[known])[0]
            yield _of_categories(codes, y[known], kind)
    if _enough(y, kind) and not known.all():
        figure, value = _of_categories(known.astype(np.intp), y, kind)
        yield f"{figure} of being missing", value


def _may_be_codes(values: pd.Series) -> bool:
    levels = values.nunique()
    return levels <= min(_LEVELS_OF_A_CODE, len(values) // _ROWS_OF_A_LEVEL)


def _enough(y: npt.NDArray[np.generic], kind: LabelKind) -> bool:
    if len(y) < MIN_ROWS:
        return False
    if kind == "regression":
        return bool(np.ptp(y.astype(np.float64)) > 0)
    counts = np.unique(y, return_counts=True)[1]
    return bool(len(counts) > 1 and counts.min() >= MIN_ROWS_OF_A_CLASS)


def _of_numbers(values: Floats, y: npt.NDArray[np.generic], kind: LabelKind) -> tuple[str, float]:
    if np.ptp(values) == 0:
        return "correlation", 0.0
    if kind == "regression":
        return "rank correlation", abs(float(spearmanr(values, y).statistic))
    if kind == "binary":
        positive = y.astype(np.bool_)
        above = rankdata(values)[positive].sum() - positive.sum() * (positive.sum() + 1) / 2
        area = above / (positive.sum() * (~positive).sum())
        return "AUC alone", float(max(area, 1 - area))
    leaves = _CUTS_A_CLASS * len(np.unique(y))
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, class_weight="balanced", random_state=0)
    said = tree.fit(values[:, np.newaxis], y).predict(values[:, np.newaxis])
    return "balanced accuracy alone", float(
        np.mean([np.mean(said[y == name] == name) for name in np.unique(y)])
    )


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
