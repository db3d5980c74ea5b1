"""A shop whose labels are answers of people, with predictions as the score stage leaves them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from tests.integration.prepare.conftest import through
from tests.left_rows import leave_rows

from mlfactory.lake.manifests import read_manifest
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources: {orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}}
features: {key: [id], event_time: at, numeric: [price], sensitive: [note]}
label: {column: bad, kind: binary, arrives_after: 1 day, from: labelling}
labelling: {batch: 40, strategy: {uncertainty: 25%, value: 25%, random: 50%}}
business: {false_negative: 60, false_positive: 12}
"""
FEATURES = 'def build(sources): return sources["orders"]\n'
ORDERS = 400


@dataclass
class Shop:
    """A product of days of which the truth is known."""

    product: Product

    def day(self, number: int) -> str:
        return f"2026-01-{number:02}"

    def run(self, *numbers: int) -> None:
        for number in numbers:
            through(self.product, self.day(number))

    def score(self, number: int, version: str = "1") -> pd.DataFrame:
        """Leave what a model says that is right more often the surer it is."""
        events = self._events(number)
        scores = np.random.default_rng(number).random(ORDERS).round(4)
        made = events.assign(
            role="champion",
            model_version=version,
            score=scores,
            prediction=(scores > 0.2).astype(float),
        )
        made["at"] = pd.to_datetime(made["at"], utc=True).astype("datetime64[us, UTC]")
        leave_rows(self.product, self.day(number), predictions=made)
        assert read_manifest("shop", "score", self.day(number))
        return made

    def truth(self, number: int) -> dict[str, float]:
        random = np.random.default_rng(100 + number)
        scores = np.random.default_rng(number).random(ORDERS).round(4)
        labels = (random.random(ORDERS) < scores).astype(float)
        return dict(zip(self._events(number)["id"], labels, strict=True))

    def _events(self, number: int) -> pd.DataFrame:
        at = pd.date_range(f"2026-01-{number:02}", periods=ORDERS, freq="3min", tz="UTC")
        return pd.DataFrame({"id": [f"o{number}-{row}" for row in range(ORDERS)], "at": at})

    def orders(self, days: int) -> str:
        lines = ["id,at,price,note"]
        for number in range(1, days + 1):
            for row, (name, at) in enumerate(self._events(number).itertuples(index=False)):
                lines.append(f"{name},{at.isoformat()},{row},=cmd{row}")
        return "\n".join(lines) + "\n"


@pytest.fixture
def shop(make_product: Callable[..., Product]) -> Shop:
    made = Shop(make_product(SPEC, FEATURES, {"orders.csv": ""}))
    (made.product.folder / "orders.csv").write_text(made.orders(3))
    return made
