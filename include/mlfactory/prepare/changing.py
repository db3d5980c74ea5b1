"""Rows of a source with other values in some columns, as if another thing had come."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Changed = npt.NDArray[np.bool_]

_SEED = 20_130_401


def exchanged(rows: pd.DataFrame, marked: Changed, columns: Sequence[str]) -> pd.DataFrame:
    """Return rows of which those marked have the values of others of them, row for row."""
    places = np.flatnonzero(marked)
    if len(places) < 2 or not columns:
        return rows
    order = np.random.default_rng(_SEED).permutation(len(places))
    found = rows.copy()
    for column in columns:
        values = found[column].array.copy()
        values[places] = values[places[order]]
        found[column] = values
    return found


def substituted(rows: pd.DataFrame, marked: Changed, columns: Sequence[str]) -> pd.DataFrame:
    """Return rows of which those marked have another value each, where a column has several.

    However rare a value is, no row keeps its own: of two that exchange theirs most have the same.
    """
    places = np.flatnonzero(marked)
    if not len(places) or not columns:
        return rows
    found = rows.copy()
    for column in columns:
        codes, known = pd.factorize(found[column], use_na_sentinel=True)
        if len(known) < 2:
            continue
        # those without a value get one, the others the one half way round
        step = max(1, len(known) // 2)
        codes = np.where(codes < 0, 0, (codes + step) % len(known))
        values = found[column].array.copy()
        values[places] = pd.Series(known).array.take(codes[places])
        found[column] = values
    return found
