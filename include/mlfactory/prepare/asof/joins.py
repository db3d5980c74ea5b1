"""Columns of the newest row of a source that was known at each event, as a spec declares them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from mlfactory.prepare.asof.past import Events
from mlfactory.product.history import Joined

_EXACT = 2**53


def joined_features(events: Events, joined: Joined, max_age: timedelta, said: str) -> pd.DataFrame:
    """Return (events,) the columns that are joined, under the names of their features.

    Of several rows of one time the last in the source's order is taken. An event without a key or a
    time, or without a row, has nothing in them.

    Args:
        max_age: where the spec has none.
        said: where the spec has them.

    Raises:
        BuildError: if a column is not there.
    """
    past = events.past(joined.source, joined.by, said)
    oldest = max_age if joined.max_age is None else joined.max_age
    places = past.newest(oldest, joined.known_after)
    rows = events.rows(joined.source, list(joined.make.values()), said)
    rows = rows.reset_index(drop=True).apply(_with_gaps).reindex(places)
    return pd.DataFrame({name: rows[column].array for name, column in joined.make.items()})


def _with_gaps(values: pd.Series) -> pd.Series:
    """Return a column in a type that may have gaps and keeps whole numbers as they are."""
    if values.dtype == "int64" and len(values) and np.abs(values.to_numpy()).max() > _EXACT:
        return values.astype("Int64")
    return values
