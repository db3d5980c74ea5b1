"""What is counted together: rows of one day share what the day brought, rows of one entity more."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlfactory.statistics.statistic import Ints


def days(times: pd.Series) -> Ints:
    """Return (rows,) the number of the day of each row, in UTC, counted from 1970."""
    stamps = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    codes: Ints = stamps.astype("datetime64[D]").astype(np.intp)
    return codes


def entities(values: pd.Series) -> Ints:
    """Return (rows,) a number for the entity (customer, machine) that each row names.

    The same name has the same number wherever it is read.
    """
    hashed = pd.util.hash_pandas_object(values.astype("str"), index=False)
    codes: Ints = hashed.to_numpy(np.uint64).view(np.int64)
    return codes
