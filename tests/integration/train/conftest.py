"""Three products, one for each kind of label, with rows as stage prepare would leave them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from tests.left_rows import leave_rows
from tests.unit.train.conftest import parcels

from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

__all__ = ["parcels"]

SPEC = """
apiVersion: mlfactory/v1
name: taxi_{kind}
title: A made-up question about taxis
partition: {{every: {every}}}
sources:
  rides: {{kind: csv, path: rides.csv{source_time}}}
features:
  key: [ride]
  {time}
  numeric: [distance, hour]
  categorical: [zone]
  sensitive: [district]
label: {{column: answer, kind: {kind}}}
train:
  min_rows: 50
  max_rows: {most}
  min_holdout: 50
  holdout: {holdout}
  search: {{trials: 4, seconds: 30}}
  candidates: [{candidates}]
{business}
"""

ROWS_A_DAY = 60
DAYS_A_MONTH = 12


@dataclass(frozen=True)
class Taxi:
    """A product of months (a snapshot where there are several classes) with rows in the lake."""

    product: Product

    @property
    def cutoff(self) -> Partition:
        every = self.product.calendar
        return every.parse("snapshot" if every.is_snapshot else "2026-03-01")

    @property
    def lake(self) -> Lake:
        return Lake(self.product.name)

    def fill(self, *, seed: int = 1, leak: bool = False) -> None:
        for month in (1, 2, 3):
            key = "snapshot" if self.product.calendar.is_snapshot else f"2026-{month:02d}-01"
            self.ride(key, month, seed, leak)

    def ride(self, key: str, month: int, seed: int, leak: bool) -> None:
        random = np.random.default_rng([seed, month])
        rows = ROWS_A_DAY * DAYS_A_MONTH
        start = pd.Timestamp(f"2026-{month:02d}-01", tz="UTC")
        at = start + pd.to_timedelta(np.arange(rows) * 24 / ROWS_A_DAY, "h")
        frame = pd.DataFrame(
            {
                "ride": [f"{key}/{row:04d}" for row in range(rows)],
                "at": pd.Series(at).astype("datetime64[us, UTC]"),
                "distance": random.gamma(3, 3, rows),
                "hour": np.arange(rows) % 24.0,
                "zone": random.choice(["north", "south", "airport"], rows),
                "district": random.choice(["old", "new"], rows),
            }
        )
        minutes = frame["distance"] * 2 + 12 * (frame["zone"] == "airport")
        minutes += random.normal(0, 4, rows)
        frame.loc[::9, "zone"] = None
        frame.loc[::7, "distance"] = np.nan
        truth = frame[["ride", "at"]].assign(
            label=self.labels(minutes), available_at=frame["at"] + pd.Timedelta("1h")
        )
        if leak:
            frame["hour"] = truth["label"] * 10.0
        if self.product.calendar.is_snapshot:
            frame, truth = frame.drop(columns="at"), truth.drop(columns="at")
        leave_rows(self.product, key, features=frame, labels=truth)

    def labels(self, minutes: pd.Series) -> pd.Series:
        kind = self.product.spec.label.kind
        if kind == "regression":
            return minutes
        if kind == "binary":
            return (minutes > 25).astype("float64")
        names = np.array(["short", "usual", "long"])[np.digitize(minutes, [12, 25])]
        return pd.Series(names, dtype="str")


@pytest.fixture
def taxi(mlflow_file, make_product) -> Callable[..., Taxi]:
    """Give a function that makes the product of one kind of label, with a filled lake."""

    def make(kind: str, *, most: int = 2_000_000) -> Taxi:
        timed = kind != "multiclass"
        text = SPEC.format(
            kind=kind,
            most=most,
            every="month, start: 2026-01-01" if timed else "snapshot",
            holdout="1 partition" if timed else "25%",
            source_time=", event_time: at" if timed else "",
            time="event_time: at" if timed else "",
            candidates="ridge, extra_trees"
            if kind == "regression"
            else "logistic_regression, hist_gradient_boosting",
            business="business: {false_negative: 5, false_positive: 1}" if kind == "binary" else "",
        )
        made = Taxi(make_product(text))
        made.fill()
        return made

    return make
