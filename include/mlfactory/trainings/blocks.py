"""Blocks of time: rows of one day share what the day brought, and are counted together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlfactory.statistics.statistic import Ints


def days(times: pd.Series) -> Ints:
    """Return (rows,) the number of the day of each row, in UTC, counted from 1970."""
    stamps = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    codes: Ints = stamps.astype("datetime64[D]").astype(np.intp)
    return codes
