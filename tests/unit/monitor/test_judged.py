from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from tests.left_rows import leave_rows

from mlfactory.monitor import judged as module
from mlfactory.monitor import tables
from mlfactory.monitor.judged import Answered, judged, outcome_of
from mlfactory.monitor.tables import Tables

ROWS = 12


@pytest.mark.usefixtures("home")
def test_rows_of_one_entity_are_known_as_such(product_of):
    """The monitor dropped the group, and took the 25 rows of a customer for 25 customers."""
    features = {"key": ["ride"], "event_time": "at", "numeric": ["x"], "group": "customer"}
    product = product_of(features=features | {"sensitive": ["quarter"]})
    april = product.calendar.parse("2013-04-01")
    rows = pd.DataFrame(
        {
            "ride": np.arange(ROWS),
            "at": pd.Timestamp("2013-04-02", tz="UTC"),
            "x": 0.0,
            "customer": [f"c{row % 3}" for row in range(ROWS)],
            "quarter": ["north", "south"] * (ROWS // 2),
        }
    )
    named = rows[["ride", "at"]]
    labels = named.assign(label=1.0, available_at=named["at"])
    leave_rows(product, april.key, features=rows, labels=labels)
    said = named.assign(role="champion", model_version="1", score=0.5, prediction=1.0)
    # predictions lie in an order of their own
    leave_rows(product, april.key, predictions=said.iloc[::-1])
    answered = Answered(product, Tables(product))
    made = judged(answered, april, april, lambda champion: True)["champion"]
    groups = outcome_of(product, made).groups
    assert groups is not None
    order = made.rows["ride"].to_numpy()
    assert len(set(groups.tolist())) == 3
    assert all(len(set(groups[order % 3 == customer].tolist())) == 1 for customer in range(3))
    assert made.traits["quarter"].tolist() == rows["quarter"].iloc[order].tolist()


@pytest.mark.usefixtures("home")
def test_a_window_that_is_let_go_is_the_same_when_it_is_asked_for_again(product_of, monkeypatch):
    """All windows of samples at once would not fit into memory."""
    monkeypatch.setattr(tables, "MOST", 8)
    monkeypatch.setattr(module, "HELD", 1)
    product = product_of(partition={"every": "day", "start": "2013-01-01"})
    days = [product.calendar.parse(f"2013-01-0{number}") for number in (1, 2, 3)]
    for number, day in enumerate(days):
        named = pd.DataFrame(
            {
                "ride": np.arange(ROWS) + 100 * number,
                "at": pd.Timestamp(day.start) + timedelta(hours=1) * np.arange(ROWS),
            }
        )
        labels = named.assign(label=1.0, available_at=named["at"])
        leave_rows(product, day.key, features=named.assign(x=0.0), labels=labels)
        said = named.assign(role="champion", model_version="1", score=0.5, prediction=1.0)
        leave_rows(product, day.key, predictions=said)
    answered = Answered(product, Tables(product))
    first = answered.over(days[2:], days[2])["champion"]
    wider = answered.over(days, days[2])["champion"]
    assert (first.predictions, wider.predictions, first.coverage) == (ROWS, ROWS, 1.0)
    assert (first.share, wider.share) == (8 / ROWS, 8 / (3 * ROWS))
    again = answered.over(days[2:], days[2])["champion"]
    assert again is not first
    pd.testing.assert_frame_equal(again.rows, first.rows)
    newest = set(wider.rows["ride"]) & set(named["ride"])
    assert newest <= set(first.rows["ride"])
