"""Columns that a file lacks: allowed where only the label is made of them.

Nobody says which columns a build function makes its features of, so it is tried: a few rows of the
file are built with nothing in the absent columns and with values from the lake, and no feature may
differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from mlfactory.prepare.given import Built
from mlfactory.product.errors import ContractError
from mlfactory.product.mistakes import nearest

_TRIED = 4
"""Rows that are tried, one by one: a later one may rightly use what was known of an earlier one."""

BuildOf = Callable[[pd.DataFrame], Built]
"""Builds the events of rows of the file, beside what is in the lake."""


def check_absent(
    where: str,
    rows: pd.DataFrame,
    absent: Sequence[str],
    known: pd.DataFrame,
    given: Sequence[str],
    build: BuildOf,
) -> None:
    """Make sure that no feature is made of a column that the file lacks.

    Args:
        rows: usable rows of the file, null in the columns `absent`.
        known: rows of the lake, from which values are taken.
        given: the columns that the file has, to name the nearest.

    Raises:
        ContractError: naming the column, and the features that are made of it.
    """
    if not absent or rows.empty:
        return
    random = np.random.default_rng(0)
    chosen = np.unique(np.linspace(0, len(rows) - 1, _TRIED).astype(int))
    values = {name: known[name].dropna().to_numpy() for name in absent}
    for place in chosen:
        row = rows.iloc[[int(place)]].reset_index(drop=True)
        fill = {name: random.choice(of) for name, of in values.items() if len(of)}
        if not fill:
            return
        without = build(row)
        if not _differing(without, build(_filled(row, fill))):
            continue
        made_of = {
            name: _differing(without, build(_filled(row, {name: value})))
            for name, value in fill.items()
        }
        told = "; ".join(
            f"'{name}'{nearest(name, given)}, of which build makes {', '.join(features)}"
            for name, features in made_of.items()
            if features
        )
        raise ContractError(
            f"{where}: the file lacks the column {told or ', '.join(map(repr, fill))}",
            remedy="add the column to the file: only what nothing but the label is made of may be "
            "absent, and build has to keep rows without a label",
        )


def _filled(row: pd.DataFrame, values: Mapping[str, object]) -> pd.DataFrame:
    filled = row.copy()
    for name, value in values.items():
        filled[name] = pd.Series([value], index=row.index)
    return filled


def _differing(one: Built, other: Built) -> list[str]:
    if len(one.features) != len(other.features):
        return ["the event itself"]
    pairs = [
        (name, left[name], right[name])
        for left, right in ((one.events, other.events), (one.features, other.features))
        for name in left.columns
    ]
    return list(dict.fromkeys(name for name, left, right in pairs if not left.equals(right)))
