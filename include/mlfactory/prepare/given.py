"""Features of rows that somebody gives: made by the same function, held to the same promises.

What would stop a partition says here why one event cannot be scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlfactory.lake.kinds import as_float, times, words
from mlfactory.prepare.build import call_build
from mlfactory.prepare.frame import check_columns, numbers
from mlfactory.product.loader import Product


@dataclass(frozen=True)
class Built:
    """The events that the build function makes of some rows, in the order it returns them.

    Attributes:
        events: the columns that name an event: its key, and its time if it has one.
        features: what a model is given, in the types that it was trained with.
        reasons: why an event cannot be scored, by its place, for those that cannot.
    """

    events: pd.DataFrame
    features: pd.DataFrame
    reasons: Mapping[int, str]

    def take(self, places: Sequence[int]) -> Built:
        """Return the events at `places`, numbered anew."""
        chosen = list(places)
        return Built(
            self.events.iloc[chosen].reset_index(drop=True),
            self.features.iloc[chosen].reset_index(drop=True),
            {new: self.reasons[old] for new, old in enumerate(chosen) if old in self.reasons},
        )


def build_given(product: Product, sources: Mapping[str, pd.DataFrame]) -> Built:
    """Return the events and features that the product's function makes of `sources`.

    No label is asked for: what is to be predicted is not known yet.

    Raises:
        BuildError: if the function fails, or returns a frame without a promised column.
    """
    spec, where = product.spec.features, f"{product.name}, rows given"
    frame = call_build(product, where, sources).reset_index(drop=True)
    check_columns(frame, product.spec, where, labelled=False)
    reasons: dict[int, str] = {}
    events = {}
    for name in spec.key:
        events[name] = frame[name]
        _note(reasons, frame[name].isna(), f"its key '{name}' is empty")
    if spec.event_time is not None:
        found = times(frame[spec.event_time])
        events[spec.event_time] = found
        _note(reasons, found.isna(), f"it has no time in '{spec.event_time}'")
    features = {}
    for name in spec.numeric:
        found = as_float(frame[name])
        # the words of `numbers` are for a whole column; here the cell is taken out and told
        wrong = (frame[name].notna() & found.isna()) | found.isin([np.inf, -np.inf])
        for place in np.flatnonzero(wrong):
            value = frame[name].iloc[int(place)]
            reasons.setdefault(int(place), f"its feature '{name}' is {value!r}, not a number")
        features[name] = numbers(frame[name].where(~wrong), name, where)
    for name in spec.categorical:
        features[name] = words(frame[name])
    _note(
        reasons,
        frame.duplicated(list(spec.key)),
        f"an earlier event has the same key {list(spec.key)}",
    )
    return Built(pd.DataFrame(events), pd.DataFrame(features, index=frame.index), reasons)


def event_keys(product: Product, sources: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the keys of the events that the product's function makes of `sources`.

    Raises:
        BuildError: if the function fails, or returns a frame without a promised column.
    """
    where = f"{product.name}, rows given"
    frame = call_build(product, where, sources)
    check_columns(frame, product.spec, where, labelled=False)
    return frame[list(product.spec.features.key)]


def _note(reasons: dict[int, str], where: pd.Series, reason: str) -> None:
    for place in np.flatnonzero(where):
        reasons.setdefault(int(place), reason)
