"""Blocks of time: rows of one day (or hour) share what it brought, and are drawn together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlfactory.product.partitions import Calendar
from mlfactory.statistics.statistic import Ints

_LENGTH = {"month": "D", "week": "D", "day": "h"}

CYCLE = {"month": 7, "week": 7, "day": 24, "hour": 1, "snapshot": 1}
"""How many blocks make the cycle that events follow: the week of days, the day of hours."""


def time_blocks(times: pd.Series, calendar: Calendar) -> Ints | None:
    """Return (rows,) the day of each row in a week or month, the hour of each row in a day.

    None where partitions are too short for blocks, or have no time.
    """
    unit = _LENGTH.get(calendar.every)
    if unit is None:
        return None
    stamps = times.dt.tz_convert("UTC").dt.tz_localize(None)
    codes: Ints = stamps.to_numpy().astype(f"datetime64[{unit}]").astype(np.intp)
    return codes
