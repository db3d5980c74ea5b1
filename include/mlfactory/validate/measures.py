"""What Great Expectations measures of rules about single rows, without its copies of the table.

For each figure that it is asked for (how many rows break a rule, which, with what values) it takes
the whole table anew, without the rows that have no value. Here the condition is asked once, of the
one or two columns that it is about, and the figures are read off its answer. The condition is
Great Expectations' own, so the answer is: what it says of a value is not written a second time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from great_expectations.constants import MAX_RESULT_RECORDS
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    ColumnPairMapMetricProvider,
)
from great_expectations.expectations.registry import get_metric_provider
from great_expectations.validator.metric_configuration import (
    MetricConfiguration,
    MetricConfigurationID,
)

Found = dict[MetricConfigurationID, Any]
_Present = tuple[pd.Series, npt.NDArray[np.int64] | None]
"""The cells of a column that are there, and their places in it; None where all are."""

_ROW_COUNT = "table.row_count"
_LENGTH = "column_values.value_length"
_IGNORED: Mapping[str, Literal["all", "any"]] = {
    "both_values_are_missing": "all",
    "either_value_is_missing": "any",
}


class _NotOurs(Exception):
    """Great Expectations is to be asked itself."""


@dataclass(frozen=True)
class _Asked:
    """The rows that a condition was asked about, and its answer.

    Attributes:
        places: in the frame, of the rows that do not meet it.
    """

    rows: pd.Series | pd.DataFrame
    places: npt.NDArray[np.int64]
    shown: list[Any]


def engine_of(frame: pd.DataFrame) -> PandasExecutionEngine:
    """Return what Great Expectations asks for the types of the columns of a frame."""
    return PandasExecutionEngine(batch_data_dict={"rows": frame})


def measured(
    frame: pd.DataFrame, asked: Iterable[MetricConfiguration]
) -> tuple[Found, list[MetricConfiguration]]:
    """Return what was measured of a frame, and what Great Expectations is to be asked for.

    That is what is not about single rows, what has a row condition, and what cannot be measured,
    so that its errors are its own.

    Args:
        frame: with a plain range index.
    """
    known: dict[str, _Asked | None] = {}
    columns: dict[str, _Present] = {}
    found: Found = {}
    rest = []
    for metric in asked:
        try:
            found[metric.id] = _figure(frame, metric, known, columns)
        except _NotOurs:
            rest.append(metric)
    return found, rest


def _figure(
    frame: pd.DataFrame,
    metric: MetricConfiguration,
    known: dict[str, Any],
    columns: dict[str, _Present],
) -> Any:
    domain = metric.metric_domain_kwargs
    if domain.get("row_condition"):
        raise _NotOurs
    if metric.metric_name == _ROW_COUNT:
        return len(frame)
    name, _, figure = metric.metric_name.rpartition(".")
    read = _FIGURES.get(figure)
    how = metric.metric_value_kwargs.get("result_format") or {}
    if read is None or (figure != "unexpected_count" and not _is_plain(how)):
        raise _NotOurs
    which = {
        key: each for key, each in metric.metric_value_kwargs.items() if key != "result_format"
    }
    told = json.dumps([name, dict(domain), which], sort_keys=True, default=repr)
    if told not in known:
        known[told] = _asked(frame, name, domain, which, columns)
    answer = known[told]
    if answer is None:
        raise _NotOurs
    return read(answer)


def _is_plain(how: Mapping[str, Any]) -> bool:
    """Tell whether the rows are asked for by their places, all of them."""
    return (
        how.get("result_format") == "COMPLETE"
        and not how.get("return_unexpected_index_query", True)
        and not how.get("unexpected_index_column_names")
    )


_FIGURES: Mapping[str, Callable[[_Asked], Any]] = {
    "unexpected_count": lambda asked: len(asked.places),
    "unexpected_values": lambda asked: asked.shown,
    "unexpected_index_list": lambda asked: asked.places.tolist(),
    "unexpected_index_query": lambda asked: None,
    "filtered_row_count": lambda asked: len(asked.rows),
}


def _asked(
    frame: pd.DataFrame,
    name: str,
    domain: Mapping[str, Any],
    which: Mapping[str, Any],
    columns: dict[str, _Present],
) -> _Asked | None:
    """Ask a condition; None if only Great Expectations can.

    Args:
        columns: what is there of each that was asked of before.
    """
    try:
        provider, wrapped = get_metric_provider(f"{name}.condition", _ENGINE)
        condition = partial(_innermost(wrapped), provider, **which)
        if issubclass(provider, ColumnMapMetricProvider):
            return _of_column(frame, provider, domain, condition, columns)
        if issubclass(provider, ColumnPairMapMetricProvider):
            return _of_pair(frame, domain, condition)
    except Exception:  # whatever it is, it is for Great Expectations to say
        return None
    return None


def _of_column(
    frame: pd.DataFrame,
    provider: Any,
    domain: Mapping[str, Any],
    condition: Callable[..., Any],
    columns: dict[str, _Present],
) -> _Asked | None:
    name = domain["column"]
    present, kept = frame[name], None
    if getattr(provider, "filter_column_isnull", True):
        if name not in columns:
            columns[name] = _present(frame[name])
        present, kept = columns[name]
    broken = _broken(condition(present, _metrics=_Lengths(present)))
    if broken is None:
        return None
    places = np.flatnonzero(broken)
    shown = list(present.iloc[places[:MAX_RESULT_RECORDS]])
    own = frame.index.take(places if kept is None else kept[places])
    return _Asked(present, own.to_numpy(), shown)


def _present(given: pd.Series) -> _Present:
    if not given.hasnans:
        return given, None
    kept = np.flatnonzero(given.notna().to_numpy())
    # with a plain index, as one of their places is longer in the making than all else
    return pd.Series(given.array.take(kept), dtype=given.dtype, name=given.name), kept


def _of_pair(
    frame: pd.DataFrame, domain: Mapping[str, Any], condition: Callable[..., Any]
) -> _Asked | None:
    names = [domain["column_A"], domain["column_B"]]
    ignored = domain["ignore_row_if"]
    if names[0] == names[1]:
        return None
    rows = frame[names]
    if ignored in _IGNORED:
        rows = rows.dropna(axis=0, how=_IGNORED[ignored])
    elif ignored != "neither":
        return None
    broken = _broken(condition(rows[names[0]], rows[names[1]], _metrics={}))
    if broken is None:
        return None
    some = rows.iloc[np.flatnonzero(broken)[:MAX_RESULT_RECORDS]]
    shown = list(zip(some[names[0]].values, some[names[1]].values, strict=True))
    return _Asked(rows, rows.index.to_numpy()[broken], shown)


def _broken(meets: Any) -> npt.NDArray[np.bool_] | None:
    """Return which rows do not meet a condition; None of an answer that is not plain yes and no."""
    values = meets.to_numpy() if isinstance(meets, pd.Series) else meets
    if not isinstance(values, np.ndarray) or values.dtype != np.bool_:
        return None
    return ~values


class _Lengths(dict[str, Any]):
    """The lengths of texts, which conditions about these ask for by the name of the metric."""

    def __init__(self, column: pd.Series) -> None:
        self._column = column

    def get(self, name: str, default: Any = None) -> Any:
        """Return the lengths as a metric has them."""
        if name != f"{_LENGTH}.map":
            raise _NotOurs
        provider, wrapped = get_metric_provider(name, _ENGINE)
        return _innermost(wrapped)(provider, self._column), {}, {}


def _innermost(function: Any) -> Callable[..., Any]:
    """Return the function of Great Expectations' that its decorators wrap."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function  # type: ignore[no-any-return]


_ENGINE = PandasExecutionEngine()
