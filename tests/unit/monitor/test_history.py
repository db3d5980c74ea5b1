"""What the monitor looks back on is bounded, however long ago the champion was made."""

from __future__ import annotations

import pandas as pd
import pytest

from mlfactory.monitor import history


@pytest.mark.parametrize("key", ["2013-06-01", "2063-06-01"])
def test_no_more_is_read_of_what_was_found_before_as_years_go_by(product_of, monkeypatch, key):
    product = product_of(partition={"every": "day", "start": "2013-01-01"})
    read: list[str] = []

    def noted(name, table, keys, **more):
        read.extend(keys)
        return pd.DataFrame()

    monkeypatch.setattr(history, "vouched_rows", noted)
    history.history_before(product, product.calendar.parse(key))
    assert len(read) == history.PARTITIONS_SHOWN - 1
    assert key not in read and max(read) < key
