"""The built frame held to its spec: columns, keys, times, and values of the promised kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlfactory.lake.kinds import as_float, times, words
from mlfactory.product.errors import BuildError
from mlfactory.product.label import Label
from mlfactory.product.mistakes import nearest
from mlfactory.product.spec import ProductSpec


def check_columns(
    frame: pd.DataFrame, spec: ProductSpec, where: str, *, labelled: bool = True
) -> None:
    """Make sure that the frame has every column the spec names, once.

    Args:
        labelled: whether the label is asked for; rows that are to be predicted have none.

    Raises:
        BuildError: naming every missing column and the nearest that is there.
    """
    features = spec.features
    wanted = {
        **dict.fromkeys(features.sensitive, "features.sensitive"),
        **dict.fromkeys(features.categorical, "features.categorical"),
        **dict.fromkeys(features.numeric, "features.numeric"),
        **({spec.label.column: "label.column"} if labelled else {}),
        **({features.event_time: "features.event_time"} if features.event_time else {}),
        **({features.group: "features.group"} if features.group else {}),
        **dict.fromkeys(features.key, "features.key"),
    }
    columns = [str(column) for column in frame.columns]
    missing = {name: role for name, role in wanted.items() if name not in columns}
    if missing:
        named = "; ".join(
            f"'{name}' ({role}){nearest(name, columns)}" for name, role in missing.items()
        )
        index = [str(name) for name in frame.index.names if name is not None]
        hint = f"; its index is {index}, call reset_index()" if {*index} & {*missing} else ""
        raise BuildError(
            f"{where}: {features.build} returned a frame without the column {named}; "
            f"it has {columns}",
            remedy=f"let the function add it, or correct product.yaml{hint}",
        )
    twice = [name for name in wanted if columns.count(name) > 1]
    if twice:
        raise BuildError(
            f"{where}: {features.build} returned the column '{twice[0]}' more than once",
            remedy="give each column a name of its own",
        )


def event_times(frame: pd.DataFrame, column: str, where: str) -> pd.Series:
    """Return the event times in UTC; times without a zone are taken to be UTC.

    Raises:
        BuildError: if one is missing or cannot be read.
    """
    given = frame[column]
    if pd.api.types.is_numeric_dtype(given):
        raise BuildError(
            f"{where}: the event time '{column}' is {given.dtype}",
            remedy="return it as datetime, for instance with pd.to_datetime",
        )
    found = times(given)
    if found.isna().any():
        place = int(np.flatnonzero(found.isna())[0])
        raise BuildError(
            f"{where}: {int(found.isna().sum()):,} of {len(frame):,} rows have no event time in "
            f"'{column}'; the first has {_plain(given.iloc[place])!r}",
            remedy="every event needs its time: leave out rows without one, or mend the function",
        )
    return found


def check_key(frame: pd.DataFrame, key: Sequence[str], where: str) -> None:
    """Make sure that the key names each row once.

    Raises:
        BuildError: if a part of it is null, or two rows have the same.
    """
    columns = list(key)
    for name in columns:
        if frame[name].isna().any():
            count = int(frame[name].isna().sum())
            raise BuildError(
                f"{where}: the key '{name}' is null in {count:,} of {len(frame):,} rows",
                remedy="leave these rows out, or make the key of columns that are always there",
            )
    repeated = frame.duplicated(columns, keep=False)
    if repeated.any():
        raise not_unique(frame[repeated], columns, where, len(frame))


def not_unique(repeated: pd.DataFrame, key: Sequence[str], where: str, rows: int) -> BuildError:
    """Return the error about rows that share their key with another, of so many rows in all."""
    example = repeated[list(key)].iloc[0].to_dict()
    shown = ", ".join(f"{name}={_plain(value)!r}" for name, value in example.items())
    return BuildError(
        f"{where}: the key {list(key)} is not unique: {len(repeated):,} of {rows:,} rows share "
        f"theirs with another, such as {shown}",
        remedy="add columns to features.key, or let the function return one row an event (a join "
        "may have multiplied them)",
    )


def numbers(values: pd.Series, name: str, where: str) -> pd.Series:
    """Return a column as float64, nan where it is null.

    Raises:
        BuildError: if a value is no number, or not a finite one.
    """
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        raise BuildError(
            f"{where}: the column '{name}' is numeric in product.yaml and {values.dtype} here",
            remedy="make it a number, such as the hours or days since something",
        )
    found = as_float(values)
    _refuse(values, values.notna() & found.isna(), name, "a number", where)
    _refuse(values, found.isin([np.inf, -np.inf]), name, "a finite number", where)
    return found


def labels(values: pd.Series, label: Label, where: str) -> pd.Series:
    """Return labels as float64, or as text if there are several classes; null is no label.

    Raises:
        BuildError: if a label is not valid for its kind.
    """
    if label.kind == "multiclass":
        return words(values)
    return (_zeros_and_ones if label.kind == "binary" else numbers)(values, label.column, where)


def _zeros_and_ones(values: pd.Series, name: str, where: str) -> pd.Series:
    found = as_float(values)
    wrong = values.notna() & ~found.isin([0.0, 1.0])
    if wrong.any():
        found_values = sorted({str(value) for value in values.dropna().unique()})
        shown = ", ".join(map(repr, found_values[:5])) + (", ..." if len(found_values) > 5 else "")
        # which of them is meant nobody can tell from here, and a guess would turn the classes round
        remedy = (
            f"make it 0 or 1 in build: choose which of its values ({shown}) is to be predicted, "
            f"and write (frame[{name!r}] == <that value>).astype(float), with "
            f".where(frame[{name!r}].notna()) to leave unknown what is not known"
        )
        expected = "0 or 1 (or True or False), as a binary label must be"
        _refuse(values, wrong, name, expected, where, remedy=remedy)
    return found


def _refuse(
    values: pd.Series,
    wrong: pd.Series,
    name: str,
    expected: str,
    where: str,
    *,
    remedy: str = "mend the function: what is not known is null (None or nan)",
) -> None:
    if not wrong.any():
        return
    raise BuildError(
        f"{where}: the column '{name}' holds {_first(values, wrong)!r}, which is not {expected}, "
        f"and {int(wrong.sum()):,} such values of {len(values):,} in all",
        remedy=remedy,
    )


def _first(values: pd.Series, chosen: pd.Series) -> Any:
    return _plain(values.iloc[int(np.flatnonzero(chosen)[0])])


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
