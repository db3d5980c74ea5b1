"""Which damage stops the monitor, of all that its windows reach."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.left_rows import leave_rows

from mlfactory.lake.catalog import LABELS, PARTITION
from mlfactory.lake.tables import Lake
from mlfactory.monitor import tables
from mlfactory.monitor.tables import Tables
from mlfactory.product.errors import IntegrityError

ROWS = 12


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("most", [2_000_000, 8])
def test_labels_that_are_gone_stop_the_monitor_where_their_events_are_measured(
    product_of, monkeypatch, caplog, most
):
    """They landed a day later than their events, in a partition that itself is not measured."""
    monkeypatch.setattr(tables, "MOST", most)
    product = product_of(
        partition={"every": "day", "start": "2013-01-01"},
        features={"key": ["ride"], "event_time": "at", "numeric": ["x"], "history": "2 days"},
        label={"column": "late", "kind": "binary", "arrives_after": "1 day"},
    )
    first, second, third = (product.calendar.parse(f"2013-01-0{number}") for number in (1, 2, 3))
    at = pd.Timestamp(first.start) + pd.to_timedelta(np.arange(ROWS), "h")
    rows = pd.DataFrame({"ride": np.arange(ROWS), "at": at.astype("datetime64[us, UTC]")})
    landed = rows.assign(label=1.0, available_at=rows["at"] + pd.Timedelta("1 day"))
    leave_rows(product, first.key, features=rows.assign(x=0.0), labels=landed.iloc[:0])
    leave_rows(product, second.key, features=rows.assign(x=0.0).iloc[:0], labels=landed)
    lake = Lake(product.name)
    gone = lake.read(LABELS, [second.key]).drop(columns=PARTITION).iloc[:1]
    lake.replace(LABELS, gone, second.key, run=str(gone.pop("_run").iloc[0]))
    with pytest.raises(IntegrityError, match=f"partition {second.key} are gone"):
        Tables(product, third, [first]).labels([first], third.end)
    # beside others it is done without
    assert Tables(product, third, [third]).labels([first], third.end).empty
    assert f"partition {second.key}: its labels are left out" in caplog.text
