"""Cells as plain Python has them: what the quarantine writes of rows, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

_FIRST = np.datetime64("0001-01-01", "us")
_LAST = np.datetime64("9999-12-31T23:59:59.999999", "us")
"""The times that Python has, in UTC."""

EXACT = 2**53
"""The whole numbers below it are all there in a float."""


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as they are in themselves: that other rows have gaps must not make a 3 a 3.0."""
    if not len(frame.columns):
        return [{} for _ in range(len(frame))]
    names = [str(name) for name in frame]
    columns = [_as_given(frame.iloc[:, place]) for place in range(len(names))]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]


def plain_cells(column: pd.Series) -> list[Any]:
    """Return cells as plain Python has them, None where they are null."""
    kind = column.dtype
    if isinstance(kind, np.dtype) and kind.kind in "iub":
        return column.tolist()
    if isinstance(kind, np.dtype) and kind.kind == "f":
        return [None if cell != cell else cell for cell in column.tolist()]
    if isinstance(kind, pd.StringDtype):
        return [cell if isinstance(cell, str) else None for cell in column.tolist()]
    if isinstance(kind, pd.DatetimeTZDtype) and kind.unit != "ns":
        return _times(column)
    return [plain(cell) for cell in column]


def _times(column: pd.Series) -> list[Any]:
    """Return times as `plain` has them, at once; of a year that Python does not have in UTC."""
    # Python's own times are no finer than a microsecond
    zoneless = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    # in another zone the year may be the next one already
    near = np.timedelta64(0 if str(column.dt.tz) == "UTC" else 1, "D")
    strange = np.flatnonzero((zoneless < _FIRST + near) | (zoneless > _LAST - near))
    known = pd.DatetimeIndex(column.mask(pd.Series(zoneless).isin(zoneless[strange]).to_numpy()))
    cells = [None if time is pd.NaT else time.isoformat() for time in known.to_pydatetime()]
    for place in strange.tolist():
        cells[place] = f"{np.datetime_as_string(zoneless[place], unit='us')}+00:00"
    return cells


def plain(value: Any) -> Any:
    """Return a cell as plain Python has it, None if it is null."""
    if isinstance(value, list | dict | np.ndarray):
        return value if not isinstance(value, np.ndarray) else value.tolist()
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value


def _as_given(column: pd.Series) -> Sequence[Any]:
    kind = column.dtype
    if isinstance(kind, np.dtype) and kind.kind == "f":
        return _floats_as_given(column.to_numpy())
    cells = plain_cells(column)
    if isinstance(kind, pd.StringDtype) or (isinstance(kind, np.dtype) and kind.kind in "iub"):
        return cells
    return [
        int(cell) if isinstance(cell, float) and cell.is_integer() and abs(cell) < EXACT else cell
        for cell in cells
    ]


def _floats_as_given(values: npt.NDArray[np.floating[Any]]) -> list[Any]:
    cells: list[Any] = values.tolist()
    for place in np.flatnonzero(np.isnan(values)).tolist():
        cells[place] = None
    whole = (np.abs(values) < EXACT) & (values == np.trunc(values))
    for place in np.flatnonzero(whole).tolist():
        cells[place] = int(cells[place])
    return cells
