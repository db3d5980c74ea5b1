"""Which partitions are read again for labels that came late, until they have been."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlfactory.lake.catalog import manifest_file
from mlfactory.lake.manifests import manifest
from mlfactory.lake.owed import MOST_OWED, begin_reading, due_again, end_reading, owed_by
from mlfactory.lake.store import product_store
from mlfactory.lake.summaries import summaries
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: day, start: 2026-01-01}}
sources: {{orders: {{kind: csv, path: orders.csv, event_time: at}}}}
features: {{key: [id], event_time: at, numeric: [price], history: 2 days}}
label: {{column: bad, kind: binary, arrives_after: {delay}}}
"""

Make = Callable[..., Product]


@pytest.fixture
def make(home: Path, make_product: Make) -> Make:
    """Give a function that makes a daily product with labels that take so long."""
    return lambda delay="30 minutes": make_product(SPEC.format(delay=delay))


def ran(product: Product, stage: str, key: str, **counts: int) -> None:
    with manifest(product, stage, key) as record:
        record.counts = counts


def started(product: Product, key: str, at: str) -> None:
    """Make the manifests of a partition that was landed at a moment."""
    with manifest(product, "ingest", key) as record:
        record.started_at = at


def read_early(product: Product, *days: int) -> None:
    """Let days be landed in the first minutes after their end, when no label was there."""
    for day in days:
        ran(product, "prepare", f"2026-01-{day:02}", rows=10, labelled=0)
        started(product, f"2026-01-{day:02}", f"2026-01-{day + 1:02}T00:05:00+00:00")


def due(product: Product, day: int) -> list[int]:
    partition = product.calendar.parse(f"2026-01-{day:02}")
    return [slot.start.day for slot in due_again(product, partition)]


def owed(product: Product, day: int) -> list[int]:
    partition = product.calendar.parse(f"2026-01-{day:02}")
    done = [summaries(product.name, stage) for stage in ("ingest", "prepare")]
    return [slot.start.day for slot in owed_by(product, partition, *done)]


def test_a_partition_read_before_its_labels_is_read_again_once(make: Make) -> None:
    shop = make()
    second = shop.calendar.parse("2026-01-02")
    ran(shop, "prepare", "2026-01-01", rows=10, labelled=9)
    started(shop, "2026-01-01", "2026-01-02T00:05:00+00:00")
    assert [slot.key for slot in due_again(shop, second)] == ["2026-01-01"]
    started(shop, "2026-01-01", "2026-01-03T00:05:00+00:00")
    assert due_again(shop, second) == []


def test_what_was_never_built_or_has_no_row_is_not_read_again(make: Make) -> None:
    shop = make()
    second = shop.calendar.parse("2026-01-02")
    assert due_again(shop, second) == []
    started(shop, "2026-01-01", "2026-01-02T00:05:00+00:00")
    assert due_again(shop, second) == []
    ran(shop, "prepare", "2026-01-01", rows=0, labelled=0)
    assert due_again(shop, second) == []


def test_labels_read_before_they_were_due_are_provisional_though_every_row_has_one(
    make: Make,
) -> None:
    shop = make()
    ran(shop, "prepare", "2026-01-01", rows=10, labelled=10)
    started(shop, "2026-01-01", "2026-01-02T00:05:00+00:00")
    assert due(shop, 2) == owed(shop, 2) == [1]
    started(shop, "2026-01-01", "2026-01-03T00:05:00+00:00")
    assert due(shop, 2) == owed(shop, 2) == []


@pytest.mark.parametrize(("delay", "day"), [("1 day", 2), ("36 hours", 3), ("3 days", 4)])
def test_a_partition_falls_due_once_whatever_its_labels_take(
    make: Make, delay: str, day: int
) -> None:
    shop = make(delay)
    ran(shop, "prepare", "2026-01-01", rows=10, labelled=0)
    started(shop, "2026-01-01", "2026-01-02T00:05:00+00:00")
    days = [shop.calendar.parse(f"2026-01-{number:02}") for number in range(1, 10)]
    assert [slot.key for slot in days if due_again(shop, slot)] == [f"2026-01-{day:02}"]


def test_what_could_not_be_read_is_due_until_it_was(make: Make) -> None:
    shop = make()
    read_early(shop, 1)
    assert due(shop, 2) == [1]
    assert due(shop, 3) == []
    begin_reading(shop, "2026-01-01")
    assert due(shop, 3) == due(shop, 20) == [1]
    assert due(shop, 20) == owed(shop, 20) == [1]
    end_reading(shop, "2026-01-01")
    assert due(shop, 20) == []
    assert owed(shop, 20) == [1]  # it was never read: what looks at everything still finds it


def test_a_reading_that_was_cut_off_is_due(make: Make) -> None:
    """Which took away the manifest of ingest, or left the rows landed and nothing made of them."""
    shop = make()
    read_early(shop, 1)
    begin_reading(shop, "2026-01-01")
    started(shop, "2026-01-01", "2126-01-03T00:00:00+00:00")
    assert due(shop, 5) == owed(shop, 5) == [1]
    product_store("shop").delete(manifest_file("ingest", "2026-01-01"))
    assert due(shop, 5) == owed(shop, 5) == [1]


def test_the_mark_of_what_was_read_after_all_goes(make: Make) -> None:
    shop = make()
    read_early(shop, 1)
    begin_reading(shop, "2026-01-01")
    started(shop, "2026-01-01", "2026-01-03T00:00:00+00:00")
    assert due(shop, 5) == []
    assert product_store("shop").list("labels_owed") == []


def test_many_are_tried_a_few_at_a_time_and_each_has_its_turn(make: Make) -> None:
    shop = make()
    days = range(1, 3 * MOST_OWED // 2)
    read_early(shop, *days)
    for day in days:
        begin_reading(shop, f"2026-01-{day:02}")
    tried = [due(shop, day) for day in (27, 28)]
    assert [len(each) for each in tried] == [MOST_OWED, MOST_OWED]
    assert set(tried[0]) | set(tried[1]) == set(days)


def test_partitions_whose_labels_fell_due_while_nothing_ran_are_owed(make: Make) -> None:
    """Due within a partition that was never run, so that no run ever named them."""
    shop = make("3 days")
    read_early(shop, 1, 2, 3, 9)
    assert due(shop, 9) == []
    assert owed(shop, 9) == [1, 2, 3]
    assert owed(shop, 5) == [1, 2]
    started(shop, "2026-01-02", "2026-01-09T00:05:00+00:00")
    ran(shop, "prepare", "2026-01-02", rows=10, labelled=10)
    assert owed(shop, 9) == [1, 3]
