"""What is measured when a partition is run, and over how many partitions it reaches back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mlfactory.lake.manifests import manifest
from mlfactory.monitor.windows import (
    drift_windows,
    measured_at,
    performance_windows,
    settled_at,
    windows_of,
)

HOURLY = {"every": "hour", "start": "2013-01-01"}
DAILY = {"every": "day", "start": "2013-01-01"}


def keys(product, key):
    partition = product.calendar.parse(key)
    return [(about.key, as_of.key) for about, as_of in measured_at(product, partition)]


@pytest.fixture
def delayed(product_of):
    def make(delay: str, **partition: str):
        label = {"column": "late", "kind": "binary", "arrives_after": delay}
        return product_of(partition=partition or DAILY, label=label)

    return make


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("delay", "measured"),
    [
        ("0 days", ["2013-03-05"]),
        ("1 day", ["2013-03-04", "2013-03-05"]),
        ("49 hours", ["2013-03-02", "2013-03-05"]),
        ("3 days", ["2013-03-02", "2013-03-05"]),
        ("900 days", ["2013-03-05"]),
    ],
)
def test_a_partition_is_measured_and_the_ones_whose_labels_fell_due_in_it(delayed, delay, measured):
    assert keys(delayed(delay), "2013-03-05") == [(key, "2013-03-05") for key in measured]


@pytest.mark.usefixtures("home")
def test_an_hourly_product_with_labels_of_a_month_measures_two_partitions_each_hour(delayed):
    """It was 721."""
    assert keys(delayed("30 days", **HOURLY), "2013-03-05T07:00") == [
        ("2013-02-03T07:00", "2013-03-05T07:00"),
        ("2013-03-05T07:00", "2013-03-05T07:00"),
    ]


@pytest.mark.usefixtures("home")
def test_an_old_partition_run_again_is_measured_as_of_when_its_labels_were_due(delayed):
    product = delayed("30 days")
    assert keys(product, "2013-01-05") == [("2013-01-05", "2013-01-05")]
    with manifest(product, "monitor", "2013-02-04"):
        pass
    assert keys(product, "2013-01-05")[-1] == ("2013-01-05", "2013-02-04")


@pytest.mark.parametrize(
    ("delay", "due"),
    [("0 days", "2013-01-05"), ("1 hour", "2013-01-06"), ("1 day", "2013-01-06"),
     ("25 hours", "2013-01-07")],
)  # fmt: skip
def test_a_partition_is_settled_when_its_last_label_is_due(delayed, delay, due):
    product = delayed(delay)
    assert settled_at(product, product.calendar.parse("2013-01-05")).key == due


def lengths(product, key, seen_through=None):
    partition = product.calendar.parse(key)
    windows = (
        performance_windows(product, partition)
        if seen_through is None
        else drift_windows(product, partition, seen_through)
    )
    found = list(windows)
    assert all(slots[-1] == partition for slots in found)
    return [len(slots) for slots in found]


def test_windows_of_drift_double_until_they_are_as_long_as_the_hold_out(product_of):
    daily = product_of(partition=DAILY)
    week = {"window": "672 partitions", "holdout": "168 partitions"}
    hourly = product_of(partition=HOURLY, train=week)
    assert lengths(daily, "2013-06-01", "2013-03-01") == [1, 2, 4, 8, 16, 28]
    assert lengths(hourly, "2013-06-01T00:00", "2013-03-01T00:00") == [24, 48, 96, 168]
    assert lengths(product_of(), "2013-06-01", "2013-03-01") == [1]


def test_a_window_of_drift_has_no_row_that_the_champion_has_seen(product_of):
    """A week after its training half of the window were rows that it was fitted on or chosen by."""
    daily, hourly = product_of(partition=DAILY), product_of(partition=HOURLY)
    assert lengths(daily, "2013-06-08", "2013-06-01") == [1, 2, 4, 7]
    assert lengths(daily, "2013-06-02", "2013-06-01") == [1]
    assert lengths(hourly, "2013-06-02T05:00", "2013-06-01T23:00") == [6]


def test_windows_of_performance_reach_four_weeks_back(product_of):
    """Two weeks are too short to tell a model from none where days have memory."""
    assert lengths(product_of(partition=HOURLY), "2013-06-01T00:00")[-1] == 28 * 24
    assert lengths(product_of(partition=DAILY), "2013-06-01")[-1] == 28
    weekly = product_of(partition={"every": "week", "start": "2012-12-31"})
    assert lengths(weekly, "2013-06-03")[-1] == 4
    assert lengths(product_of(), "2013-06-01") == [1]


def test_windows_do_not_reach_before_the_first_partition(product_of):
    assert lengths(product_of(partition=DAILY), "2013-01-03") == [1, 2, 3]
    assert lengths(product_of(partition=HOURLY), "2013-01-01T00:00") == [1]


@pytest.mark.parametrize(
    ("every", "key", "windows"),
    [("day", "2013-06-01", 4), ("month", "2013-06-01", 1), ("day", "2013-01-02", 1)],
)
def test_windows_of_four_days_or_more_share_the_chance_of_an_alarm(product_of, every, key, windows):
    """4, 8, 16 and 28 days were asked in turn, each at 2.5 %."""
    product = product_of(partition={"every": every, "start": "2013-01-01"})
    assert windows_of(product, product.calendar.parse(key), timedelta(days=4)) == windows
