"""A product of days whose rows are written to the lake as stage prepare would leave them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from tests.left_rows import leave_days
from threadpoolctl import threadpool_limits

from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

SPEC = """
apiVersion: mlfactory/v1
name: parcels
partition: {{every: {every}{start}}}
sources:
  parcels: {{kind: csv, path: "parcels.csv"{source_time}}}
features: {{key: [parcel], {time}numeric: [weight], categorical: [town], sensitive: [sex]}}
label: {{column: late, kind: {kind}{delay}}}
train: {{window: 4 partitions, holdout: {holdout}, min_rows: 20, min_holdout: 20}}
"""


def snapshot_spec() -> str:
    return SPEC.format(
        every="snapshot",
        start="",
        source_time="",
        time="",
        kind="binary",
        delay="",
        holdout="25%",
    )


@dataclass(frozen=True)
class Parcels:
    product: Product

    @property
    def lake(self) -> Lake:
        return Lake(self.product.name)

    def day(self, number: int) -> Partition:
        return self.product.calendar.parse(f"2026-01-{number:02d}")

    def send(
        self,
        *days: int,
        hours: int = 24,
        labels: list[float] | None = None,
        backwards: bool = False,
    ) -> None:
        """Write a parcel an hour of each day; every second one is late, or as `labels` say."""
        made = {}
        for number in days:
            slot = self.day(number)
            times = [slot.start + timedelta(hours=hour) for hour in range(hours)]
            frame = pd.DataFrame(
                {
                    "parcel": [f"{slot.key}/{hour:02d}" for hour in range(hours)],
                    "sent_at": pd.Series(times).astype("datetime64[us, UTC]"),
                    "weight": np.arange(hours, dtype=float),
                    "town": ["Ulm", None] * (hours // 2),
                    "sex": ["f", "m"] * (hours // 2),
                }
            )
            late = labels if labels is not None else [0.0, 1.0] * (hours // 2)
            delay = self.product.spec.label.arrives_after
            truth = frame[["parcel", "sent_at"]].assign(
                label=late, available_at=frame["sent_at"] + delay
            )
            if backwards:
                frame, truth = frame[::-1], truth[::-1]
            made[slot.key] = (frame.reset_index(drop=True), truth.reset_index(drop=True))
        leave_days(self.product, made)


@pytest.fixture
def parcels(home, make_product) -> Callable[..., Parcels]:
    """Give a function that makes the product, with labels that take so long."""

    def make(delay: str = "0 minutes", kind: str = "binary", holdout: int = 1) -> Parcels:
        text = SPEC.format(
            every="day",
            start=", start: 2026-01-01",
            source_time=", event_time: sent_at",
            time="event_time: sent_at, ",
            kind=kind,
            delay=f", arrives_after: {delay}",
            holdout=f"{holdout} partitions",
        )
        return Parcels(make_product(text))

    return make


@pytest.fixture
def snapshot_product(home, make_product) -> Product:
    """Give a product without event time."""
    return make_product(snapshot_spec())


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Fit as the stage does: threads that wait for each other make small fits slow."""
    with threadpool_limits(1):
        yield
