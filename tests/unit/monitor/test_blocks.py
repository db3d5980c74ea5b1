from __future__ import annotations

import pandas as pd

from mlfactory.monitor.blocks import time_blocks
from mlfactory.product.partitions import Calendar

TIMES = pd.Series(
    pd.to_datetime(["1970-01-02T23:59", "1970-01-03T00:00", "1970-01-03T01:00"], utc=True)
)


def test_rows_of_a_month_or_week_belong_to_their_day():
    for every in ("month", "week"):
        blocks = time_blocks(TIMES, Calendar(every))
        assert blocks is not None
        assert blocks.tolist() == [1, 2, 2]


def test_rows_of_a_day_belong_to_their_hour():
    blocks = time_blocks(TIMES.astype("datetime64[us, UTC]"), Calendar("day"))
    assert blocks is not None
    assert blocks.tolist() == [47, 48, 49]


def test_rows_of_an_hour_or_a_snapshot_have_no_blocks():
    assert time_blocks(TIMES, Calendar("hour")) is None
    assert time_blocks(TIMES, Calendar("snapshot")) is None
