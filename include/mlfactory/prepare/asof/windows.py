"""Figures of the rows of a source before each event, over the windows that a spec declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.lake.kinds import words
from mlfactory.prepare.asof.grouped import Ints, Span
from mlfactory.prepare.asof.past import Events, Past
from mlfactory.prepare.asof.ranges import span_distinct, span_largest
from mlfactory.prepare.asof.sums import Floats, span_counts, span_sums
from mlfactory.prepare.frame import numbers
from mlfactory.product.history import Figure, Windows, named

Marks = npt.NDArray[np.bool_]

_COMPARED = {
    "at_least": np.greater_equal,
    "at_most": np.less_equal,
    "above": np.greater,
    "below": np.less,
}


class _Found(NamedTuple):
    """(windows x events,) a figure, and of how many values it is made."""

    figure: Floats
    values: Ints


def window_features(events: Events, windows: Windows, said: str) -> Iterator[tuple[str, Floats]]:
    """Yield the features of the windows over a source, by their names.

    An event without a key or a time has none of them; where nothing lies in a window its count, sum
    and distinct are 0, and all others are missing.

    Args:
        said: where the spec has them.

    Raises:
        BuildError: if a column is not there, or holds no numbers where some are needed.
    """
    past = events.past(windows.source, windows.by, said)
    span = _spans(past, windows)
    for name, figure in windows.make.items():
        found = _figure(past, span, figure, said)
        value = found.figure
        if figure.prior is not None:
            everyone = events.past(windows.source, {}, said)
            of_all = _figure(everyone, _spans(everyone, windows), figure, said)
            value = _drawn(found, of_all.figure, figure.prior)
        for over, each in zip(windows.over, np.split(value, len(windows.over)), strict=True):
            yield named(name, over), np.where(past.known, each, np.nan)


def _spans(past: Past, windows: Windows) -> Span:
    """Return (windows x events,) the rows of every window, window after window.

    So a column is looked at once for all of them.
    """
    found = [past.before(over, windows.known_after) for over in windows.over]
    return Span(*(np.concatenate(side) for side in zip(*found, strict=True)))


def _figure(past: Past, span: Span, figure: Figure, said: str) -> _Found:
    if figure.of is None:
        count = span.end - span.first
        return _Found(count.astype(np.float64), count)
    values = past.values(figure.of, said)
    there = values.notna().to_numpy(dtype=np.bool_)
    # from here on only the rows with a value are counted
    running = np.concatenate(([0], np.cumsum(there, dtype=np.int64)))
    span = Span(running[span.first], running[span.end])
    values = values[there]
    count = span.end - span.first
    if figure.how == "distinct":
        # of lists and the like there are no codes, and of their text there are
        codes = pd.factorize(words(values) if values.dtype == "object" else values)[0]
        codes = codes.astype(np.int64)
        return _Found(span_distinct(codes, span).astype(np.float64), count)
    if figure.how in ("count", "rate"):
        meeting = span_counts(_meets(values, figure, past.where(said)), span).astype(np.float64)
        return _Found(meeting if figure.how == "count" else _over(meeting, count), count)
    amounts = numbers(values, figure.of, past.where(said)).to_numpy("float64")
    return _Found(_of_amounts(amounts, span, figure), count)


def _of_amounts(amounts: Floats, span: Span, figure: Figure) -> Floats:
    if figure.how == "max":
        return span_largest(amounts, span)
    if figure.how == "min":
        return -span_largest(-amounts, span)
    total = span_sums(amounts, span)
    return total if figure.how == "sum" else _over(total, span.end - span.first)


def _meets(values: pd.Series, figure: Figure, where: str) -> Marks:
    """Return (rows,) which values meet all conditions of a figure."""
    found = np.ones(len(values), np.bool_)
    for name, bound in figure.conditions.items():
        if name == "equals":
            found &= (words(values) == words(pd.Series([bound])).iloc[0]).to_numpy(np.bool_)
        else:
            amounts = numbers(values, str(figure.of), where).to_numpy("float64")
            found &= _COMPARED[name](amounts, bound)
    return found


def _drawn(found: _Found, of_all: Floats, prior: float) -> Floats:
    """Return means drawn to those of all keys, as if these were of `prior` values more."""
    own = np.where(found.values > 0, found.figure, 0.0) * found.values
    drawn: Floats = (own + prior * of_all) / (found.values + prior)
    return drawn


def _over(total: Floats, count: Ints) -> Floats:
    """Return totals of so many values as means, nan of none."""
    found: Floats = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return found
