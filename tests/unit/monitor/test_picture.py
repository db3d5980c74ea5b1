from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mlfactory.monitor.alerts import tell
from mlfactory.monitor.findings import Finding, as_table
from mlfactory.monitor.picture import Picture, performance_in_words

APRIL, MARCH = "2013-04-01", "2013-03-01"


@pytest.fixture
def picture_of(product_of):
    def make(*findings: Finding) -> Picture:
        product = product_of()
        return Picture(
            product=product,
            partition=product.calendar.parse(APRIL),
            reference=None,
            current=pd.DataFrame(),
            answers=pd.DataFrame(),
            findings=findings,
        )

    return make


def drift(name: str, value: float, bound: float, state: str) -> Finding:
    return Finding(APRIL, "drift", slice=name, value=value, bound=bound, state=state)


def test_alerts_come_before_warnings_however_far_beyond_their_bounds_these_are(picture_of):
    picture = picture_of(
        drift("calm", 0.01, 0.1, "ok"),
        drift("sharp", 0.05, 0.01, "warn"),
        drift("large", 0.3, 0.2, "alert"),
        drift("largest", 0.9, 0.2, "alert"),
        drift("unknown", 0.3, math.nan, "insufficient"),
    )
    assert [one.slice for one in picture.ranked()][:4] == ["largest", "large", "sharp", "calm"]
    assert picture.drift_figures() == "largest 0.9 > 0.2, large 0.3 > 0.2"


def test_drifts_beyond_the_first_three_are_counted(picture_of):
    many = [drift(name, 0.5, 0.1, "alert") for name in "abcde"]
    assert picture_of(*many).drift_figures().endswith("c 0.5 > 0.1 and 2 more")


def test_the_states_are_those_of_the_partition_itself(picture_of):
    picture = picture_of(
        Finding(MARCH, "performance", state="alert"),
        Finding(APRIL, "drift", state="warn"),
        Finding(APRIL, "performance", state="no_labels"),
        Finding(APRIL, "freshness", value=3.0),
        drift("x", 0.9, 0.1, "alert"),
    )
    assert picture.states == {"drift": "warn", "performance": "no_labels"}


def told(caplog, picture: Picture, told_before: set[str] | None = None) -> list[str]:
    with caplog.at_level(logging.INFO):
        tell(picture, told_before or set(), Path("r.html"))
    return [record.message for record in caplog.records]


def test_what_is_not_in_alert_says_nothing(picture_of, caplog):
    picture = picture_of(
        Finding(APRIL, "drift", state="warn"),
        Finding(APRIL, "performance", state="no_labels"),
        drift("x", 0.2, 0.1, "warn"),
    )
    assert told(caplog, picture) == []


def test_each_thing_in_alert_is_one_line_with_figure_bound_and_report(picture_of, caplog):
    picture = picture_of(
        Finding(APRIL, "drift", value=4.5, bound=1.0, state="alert"),
        drift("x", 0.9, 0.2, "alert"),
        drift("y", 0.8, 0.2, "alert"),
        Finding(APRIL, "freshness", value=50.2, bound=48.0, state="alert"),
        Finding(MARCH, "performance", value=0.512, bound=0.58, state="alert"),
        Finding(MARCH, "roc_auc", value=0.512, bound=0.58, state="alert"),
    )
    assert told(caplog, picture) == [
        "rides 2013-04-01: the data drifted: x 0.9 > 0.2, y 0.8 > 0.2; see r.html",
        "rides 2013-04-01: the newest event is 50 hours old, bound 48; see r.html",
        "rides 2013-03-01: performance is in alert: roc_auc 0.512, bound 0.58; see r.html",
    ]


def test_performance_is_told_by_what_made_its_state_and_over_which_window(picture_of):
    naive = Finding(APRIL, "naive", value=8.3, bound=12.7, since=MARCH, why="cost", state="alert")
    summary = Finding(APRIL, "performance", value=0.66, low=0.6, high=0.7, state="alert")
    worse = replace(summary, bound=8.3, why="naive")
    picture = picture_of(worse, naive)
    words = "cost 12.7 since 2013-03-01 against 8.3 of the naive answer"
    assert performance_in_words(picture, worse) == words
    unsure = replace(worse, state="insufficient")
    assert performance_in_words(picture, unsure) == f"{words}: too little to tell from chance"
    bound = replace(summary, bound=0.7, why="bound")
    words = performance_in_words(picture, bound, interval=True, window=" since March")
    assert words == "roc_auc 0.66 (0.6 to 0.7) since March, bound 0.7"
    calm = replace(summary, why="")
    beside = picture_of(calm, replace(naive, value=0.5, bound=0.66, why="roc_auc"))
    words = "roc_auc 0.66, no bound is set; the naive answer has 0.5"
    assert performance_in_words(beside, calm) == words


def test_an_earlier_partition_whose_alert_was_told_is_not_told_again(picture_of, caplog):
    alert = Finding(MARCH, "performance", value=0.5, bound=0.58, state="alert")
    assert told(caplog, picture_of(alert), {MARCH}) == []


def test_rows_of_the_table_have_null_for_what_is_not_known():
    table = as_table([Finding(APRIL, "drift", value=math.nan, state="no_data")])
    row = table.to_pylist()[0]
    assert row["value"] is row["low"] is row["model_version"] is None
    assert (row["about"], row["slice"], row["state"]) == (APRIL, "", "no_data")


def test_a_table_without_rows_keeps_its_columns():
    assert as_table([]).schema.field("value").type == "double"
