from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from tests.left_rows import leave_rows

from mlfactory.lake.labels import event_partitions, known_labels
from mlfactory.lake.manifests import manifest
from mlfactory.lake.overdue import Overdue, overdue
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Calendar, Every

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: day, start: 2026-01-01}}
sources: {{orders: {{kind: csv, path: orders.csv, event_time: at}}}}
features: {{key: [id], event_time: at, numeric: [price], history: {history}}}
label: {{column: bad, kind: binary, arrives_after: {delay}}}
"""

Make = Callable[..., Product]


@pytest.fixture
def make(home: Path, make_product: Make) -> Make:
    """Give a function that makes a daily product with labels that take so long."""

    def made(delay: str = "24 hours", history: str = "2 days") -> Product:
        return make_product(SPEC.format(delay=delay, history=history))

    return made


def land(product: Product, landing: str, *labels: tuple[str, str, float, str]) -> None:
    """Write labels (id, event time, value, known at) that landed in a partition."""
    columns = ["id", "at", "label", "available_at"]
    frame = pd.DataFrame(list(labels), columns=columns)
    for name in ("at", "available_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    leave_rows(product, landing, labels=frame)


def known(product: Product, keys: list[str], day: int) -> dict[str, float]:
    found = known_labels(product, keys, datetime(2026, 1, day, tzinfo=UTC))
    return dict(zip(found["id"], found["label"], strict=True))


def ran(product: Product, stage: str, key: str, **counts: int) -> None:
    with manifest(product, stage, key) as record:
        record.counts = counts


def test_a_label_is_known_from_its_time_on(make: Make) -> None:
    shop = make()
    land(
        shop,
        "2026-01-01",
        ("a", "2026-01-01T00:00", 1.0, "2026-01-02T00:00"),
        ("b", "2026-01-01T00:01", 0.0, "2026-01-02T00:01"),
    )
    assert known(shop, ["2026-01-01"], 2) == {"a": 1.0}
    assert known(shop, ["2026-01-01"], 3) == {"a": 1.0, "b": 0.0}


def test_a_label_that_landed_later_is_its_events_and_the_newest_counts(make: Make) -> None:
    shop = make()
    land(shop, "2026-01-01", ("a", "2026-01-01T10:00", 0.0, "2026-01-02T10:00"))
    land(
        shop,
        "2026-01-02",
        ("a", "2026-01-01T10:00", 1.0, "2026-01-03T00:00"),
        ("b", "2026-01-01T11:00", 1.0, "2026-01-03T00:00"),
        ("c", "2026-01-02T10:00", 0.0, "2026-01-03T10:00"),
    )
    assert known(shop, ["2026-01-01"], 2) == {}
    assert known(shop, ["2026-01-01"], 3) == {"a": 1.0, "b": 1.0}
    assert known(shop, ["2026-01-02"], 4) == {"c": 0.0}
    found = known_labels(shop, ["2026-01-01"], datetime(2026, 1, 3, tzinfo=UTC))
    assert list(found.columns) == ["id", "at", "label", "available_at", "partition"]
    assert set(found["partition"]) == {"2026-01-01"}


def test_the_same_key_in_two_partitions_is_two_events(make: Make) -> None:
    shop = make("0 minutes", "0 minutes")
    for day in (1, 2):
        at = f"2026-01-0{day}T10:00"
        land(shop, f"2026-01-0{day}", ("station", at, float(day - 1), at))
    found = known_labels(shop, ["2026-01-01", "2026-01-02"], datetime(2026, 1, 3, tzinfo=UTC))
    assert found["label"].tolist() == [0.0, 1.0]
    assert found["partition"].tolist() == ["2026-01-01", "2026-01-02"]


def test_no_table_gives_no_labels(make: Make) -> None:
    found = known_labels(make(), ["2026-01-01"], datetime(2026, 1, 3, tzinfo=UTC))
    assert found.empty
    assert list(found.columns) == ["id", "at", "label", "available_at", "partition"]


@pytest.mark.parametrize(
    ("every", "key"),
    [
        ("hour", "2026-01-07T23:00"),
        ("day", "2026-01-07"),
        ("week", "2026-01-05"),
        ("month", "2026-01-01"),
    ],
)
def test_times_are_told_their_partition(every: Every, key: str) -> None:
    times = pd.Series(pd.to_datetime(["2026-01-07T23:59:59.999999"], utc=True))
    assert event_partitions(Calendar(every), times).tolist() == [key]


def test_labels_that_do_not_come_are_overdue_after_their_patience(make: Make) -> None:
    shop = make("1 day")
    ran(shop, "prepare", "2026-01-01", rows=2, labelled=1)
    land(shop, "2026-01-01", ("a", "2026-01-01T10:00", 0.0, "2026-01-02T10:00"))
    days = [shop.calendar.parse(f"2026-01-{number:02}") for number in range(1, 10)]
    found = {slot.key: overdue(shop, slot) for slot in days if overdue(shop, slot)}
    # due a day after the partition's end, and overdue a day later
    due = datetime(2026, 1, 3, tzinfo=UTC)
    assert found == {"2026-01-03": [Overdue("2026-01-01", rows=2, labelled=1, due=due)]}
