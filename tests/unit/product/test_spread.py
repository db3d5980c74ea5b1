"""Runs of many products are spread over the time after a partition's end, and do not move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlfactory.product.errors import Mistake
from mlfactory.product.loader import load_folder
from mlfactory.product.partitions import Every
from mlfactory.product.spread import spread

HUNDRED = [f"product_{number}" for number in range(100)]
Content = dict[str, Any]


@pytest.mark.parametrize(
    ("every", "within", "at_once"), [("hour", 30, 10), ("day", 240, 4), ("month", 240, 4)]
)
def test_a_hundred_products_do_not_begin_at_once(every: Every, within: int, at_once: int) -> None:
    begins = [spread(name, every) for name in HUNDRED]
    assert all(timedelta() <= one < timedelta(minutes=within) for one in begins)
    assert max(Counter(begins).values()) <= at_once
    halves = Counter(one < timedelta(minutes=within / 2) for one in begins)
    assert min(halves.values()) > 30


def test_when_a_product_begins_never_changes() -> None:
    # written down: another number would move every product that runs
    assert spread("flight_delay", "hour") == timedelta(minutes=0)
    assert spread("flight_delay", "month") == timedelta(minutes=210)
    assert spread("flight_delay", "snapshot") == timedelta()


def test_a_spec_names_its_own_time(
    write_product: Callable[..., Path], spec_content: Content
) -> None:
    spec_content["partition"]["runs_after"] = "90 minutes"
    rain = load_folder(write_product(spec_content))
    assert rain.spec.runs_after == timedelta(minutes=90)
    midnight = datetime(2026, 3, 10, tzinfo=UTC)
    due = [rain.newest_due(midnight + timedelta(minutes=m)).key for m in (0, 89, 90)]
    assert due == ["2026-03-08", "2026-03-08", "2026-03-09"]


@pytest.mark.parametrize(
    ("partition", "told"),
    [
        ({"every": "hour", "runs_after": "1 hour"}, "is as long as the shortest hour, or longer"),
        ({"every": "month", "runs_after": "28 days"}, "is as long as the shortest month"),
        ({"every": "day", "runs_after": "3"}, "expected something like '30 days', got '3'"),
        ({"every": "snapshot", "runs_after": "1 hour"}, "a snapshot product has no time"),
    ],
)
def test_a_run_that_the_next_partition_would_overtake_is_a_mistake(
    mistakes_of: Callable[[Content], list[Mistake]],
    spec_content: Content,
    partition: Content,
    told: str,
) -> None:
    if partition["every"] != "snapshot":
        partition = {"start": "2026-01-01", **partition}
    found = mistakes_of({**spec_content, "partition": partition})
    assert [told in one.message for one in found if one.key == "partition.runs_after"] == [True]
