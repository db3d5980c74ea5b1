"""Labels that are counted batch by batch are as many as those that are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.left_rows import leave_rows

from mlfactory.lake import batches, known
from mlfactory.lake.known import count_known, count_known_in, count_labelled
from mlfactory.lake.labels import known_labels
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: {every}, start: 2026-01-01}}
sources: {{orders: {{kind: csv, path: orders.csv, event_time: at}}}}
features: {{key: [id, shop], event_time: at, numeric: [price], history: {history}}}
label: {{column: bad, kind: binary, arrives_after: {delay}}}
"""

ROWS = 30


@pytest.fixture
def make(
    home: Path, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Product]:
    monkeypatch.setattr(batches, "BATCH", 7)

    def made(history: str = "0 days", delay: str = "6 hours") -> Product:
        return make_product(SPEC.format(every="day", history=history, delay=delay))

    return made


def land(product: Product, landing: str, first: str, seed: int) -> pd.DataFrame:
    """Write features and predictions of a day, and labels of it some of which are not told."""
    random = np.random.default_rng(seed)
    ids = np.arange(ROWS)
    at = pd.Timestamp(first, tz="UTC") + pd.to_timedelta(ids * 24 * 60 // ROWS, "min")
    events = pd.DataFrame({"id": ids, "shop": [f"s{n % 3}" for n in ids], "at": at})
    events["at"] = events["at"].astype("datetime64[us, UTC]")
    late = pd.to_timedelta(random.integers(0, 30, ROWS), "h")
    labels = events.assign(
        label=random.choice([0.0, 1.0, np.nan], ROWS), available_at=events["at"] + late
    )
    leave_rows(product, landing, features=events.assign(price=1.0), labels=labels)
    return events


@pytest.mark.parametrize("held", [2**25, 23])
@pytest.mark.parametrize(("history", "delay"), [("0 days", "6 hours"), ("2 days", "24 hours")])
def test_as_many_labels_are_counted_as_are_read(
    make: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
    history: str,
    delay: str,
    held: int,
) -> None:
    """Also where an event's label landed twice, and where hashes are counted in several parts."""
    monkeypatch.setattr(known, "HELD", held)
    product = make(history, delay)
    land(product, "2026-01-01", "2026-01-01", 1)
    land(product, "2026-01-02", "2026-01-01" if history != "0 days" else "2026-01-02", 2)
    slot = product.calendar.parse("2026-01-01")
    for hour in (0, 12, 72):
        moment = datetime(2026, 1, 1, tzinfo=UTC) + pd.Timedelta(hours=hour)
        expected = known_labels(product, [slot.key], moment)
        assert count_known(product, slot, moment) == len(expected)


@pytest.mark.parametrize("held", [2**25, 23])
def test_predictions_with_a_label_are_counted_as_a_join_would(
    make: Callable[..., Product], monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(known, "HELD", held)
    product = make()
    events = land(product, "2026-01-01", "2026-01-01", 1)
    made = events.sample(frac=0.7, random_state=1).assign(role="champion", model_version="1")
    leave_rows(product, "2026-01-01", predictions=made)
    slot = product.calendar.parse("2026-01-01")

    def predictions() -> Iterator[pa.Table]:
        return Lake("shop").batches("predictions", [slot.key])

    for moment in (slot.start, slot.end, datetime(2026, 1, 5, tzinfo=UTC)):
        joined = made.merge(known_labels(product, [slot.key], moment), on=["id", "shop"])
        found = count_labelled(product, slot, moment, predictions)
        assert found == (len(made), len(joined))
    assert count_labelled(product, slot, slot.end, lambda: iter(())) == (0, 0)


def test_labels_whose_landing_is_left_out_do_not_count(make: Callable[..., Product]) -> None:
    """A training would have had a share of labels that it does not read."""
    product = make("2 days", "24 hours")
    land(product, "2026-01-01", "2026-01-01", 1)
    events = land(product, "2026-01-02", "2026-01-01", 2)
    version, moment = Lake("shop").version("labels"), datetime(2026, 1, 9, tzinfo=UTC)
    assert version is not None and len(events)
    keys, first, second = ["2026-01-01"], "2026-01-01", "2026-01-02"
    every = count_known_in(product, keys, moment, version)
    counts = {
        one: count_known_in(product, keys, moment, version, left_out=[one])
        for one in (first, second)
    }
    for one, count in counts.items():
        read = known_labels(product, keys, moment, version, left_out=[one])
        assert count == len(read) > 0
    assert every == sum(counts.values())
    assert count_known_in(product, keys, moment, version, left_out=[first, second]) == 0


def test_a_partition_without_labels_has_none_known(make: Callable[..., Product]) -> None:
    product = make()
    slot = product.calendar.parse("2026-01-01")
    assert count_known(product, slot, slot.end) == 0
    land(product, "2026-01-01", "2026-01-01", 1)
    assert count_known(product, product.calendar.parse("2026-01-03"), slot.end) == 0


def test_an_event_at_the_first_moment_of_the_next_partition_is_of_that_one(
    make: Callable[..., Product],
) -> None:
    product = make("2 days", "24 hours")
    at = pd.to_datetime(["2026-01-01 12:00", "2026-01-02 00:00"], utc=True)
    events = pd.DataFrame({"id": [1, 2], "shop": "s", "at": at.astype("datetime64[us, UTC]")})
    labels = events.assign(label=1.0, available_at=events["at"])
    leave_rows(product, "2026-01-02", features=events.assign(price=1.0), labels=labels)
    for key in ("2026-01-01", "2026-01-02"):
        slot = product.calendar.parse(key)
        assert count_known(product, slot, slot.end) == 1
        assert len(known_labels(product, [key], slot.end)) == 1
        of_both = lambda: iter([pa.table({"id": [1, 2], "shop": ["s", "s"]})])  # noqa: E731
        assert count_labelled(product, slot, slot.end, of_both) == (2, 1)


def test_a_label_that_is_no_number_is_none(make: Callable[..., Product]) -> None:
    product = make()
    slot = product.calendar.parse("2026-01-01")
    at = pa.array([slot.start] * 2, pa.timestamp("us", "UTC"))
    events = pa.table({"id": [1, 2], "shop": ["s", "s"], "at": at})
    labels = events.append_column("label", pa.array([1.0, np.nan], from_pandas=False))
    labels = labels.append_column("available_at", at)
    leave_rows(product, slot.key, features=events.append_column("price", at), labels=labels)
    version = Lake(product.name).version("labels")
    assert version is not None
    assert count_known(product, slot, slot.end) == 1
    assert count_known_in(product, [slot.key], slot.end, version) == 1
