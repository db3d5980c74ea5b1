"""Rows with values that other rows have as well, found in a spool instead of in one frame.

Two rows are the same here exactly where `DataFrame.duplicated` says so of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.lake.marks import Marks, Places
from mlfactory.lake.spool import PLACE, Spool
from mlfactory.validate.shape import Shape, framed

Among = Literal["all", "any", "none"]
"""Which rows are left out: those with nulls in `all` or in `any` of the columns, or `none`."""

_RANK = "_mlfactory_rank"


@dataclass
class Repeated:
    """The rows that have values of another row.

    Attributes:
        marks: where they are.
        first: the values of the first of them, in order.
    """

    marks: Marks = field(default_factory=Marks)
    first: list[Any] = field(default_factory=list)


def keys_repeated(
    spool: Spool,
    shape: Shape,
    bad: Marks,
    released: Marks | None = None,
    discarded: Marks | None = None,
) -> Marks:
    """Return the rows whose key another row has, but for the first.

    Good rows come first, then those that were `released`, then bad ones, then those that were
    `discarded`. Rows with a null in their key have none.
    """
    found = Marks()
    ranked = (released or Marks(), bad, discarded or Marks())

    def look(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.sort_values([_RANK, PLACE], ignore_index=True)
        again = rows.duplicated(spool.columns, keep="first").to_numpy()
        found.add(rows.loc[again, PLACE].to_numpy())
        return rows[~again]

    def rank(places: Places) -> npt.NDArray[np.int64]:
        return _rank(places, *ranked)

    _each(spool, shape, "any", look, rank)
    return found


def keys_repeated_in(
    frame: pd.DataFrame, key: Sequence[str], bad: Marks, released: Marks, discarded: Marks
) -> Marks:
    """Return what `keys_repeated` does of rows that are all there."""
    if not key or frame.empty:
        return Marks()
    places = np.arange(len(frame))
    order = np.argsort(_rank(places, released, bad, discarded), kind="stable")
    keys = frame[list(key)].iloc[order]
    repeated = keys.duplicated(keep="first") & keys.notna().all(axis="columns")
    return Marks(order[repeated.to_numpy()])


def values_repeated(spool: Spool, shape: Shape, left_out: Among, shown: int) -> Repeated:
    """Return all rows whose values another row has, the first one with them among these.

    Args:
        shown: how many of their values are wanted.
    """
    found = Repeated()
    first: list[pd.DataFrame] = []

    def look(rows: pd.DataFrame) -> pd.DataFrame:
        twice = rows[rows.duplicated(spool.columns, keep=False)]
        found.marks.add(twice[PLACE].to_numpy())
        both = pd.concat([*first, twice]).drop_duplicates(PLACE)
        first[:] = [both.nsmallest(shown, PLACE)]
        return rows.drop_duplicates(spool.columns, keep="first")

    _each(spool, shape, left_out, look)
    if not first:
        return found
    values = first[0][spool.columns]
    found.first = (
        list(values[spool.columns[0]]) if len(spool.columns) == 1 else values.to_dict("records")
    )
    return found


def places_kept(frame: pd.DataFrame, left_out: Among) -> Places:
    """Return the places of the rows of a frame that are not left out for their nulls."""
    if left_out == "none":
        return np.arange(len(frame))
    nulls = frame.isna()
    dropped = nulls.all(axis="columns") if left_out == "all" else nulls.any(axis="columns")
    return np.flatnonzero(~dropped.to_numpy())


def _rank(places: Places, *worse: Marks) -> npt.NDArray[np.int64]:
    """Return how far behind each row comes among those with its key: the last marks that have it.

    Args:
        worse: marks, each of rows that come after those of the marks before.
    """
    found = np.zeros(len(places), dtype=np.int64)
    for behind, marks in enumerate(worse, start=1):
        found[marks.of(places)] = behind
    return found


def _each(
    spool: Spool,
    shape: Shape,
    left_out: Among,
    look: Callable[[pd.DataFrame], pd.DataFrame],
    rank: Callable[[Places], npt.NDArray[np.int64]] | None = None,
) -> None:
    """Look at each part a table at a time, beside the rows that `look` returned of it so far."""
    for part in spool.parts():
        kept: list[pd.DataFrame] = []
        for table in part:
            rows = framed(table, shape)
            rows = rows.iloc[places_kept(rows[spool.columns], left_out)]
            if rank is not None:
                rows = rows.assign(**{_RANK: rank(rows[PLACE].to_numpy())})
            kept = [look(pd.concat([*kept, rows], ignore_index=True))]
