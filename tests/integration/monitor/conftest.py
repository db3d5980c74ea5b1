"""A product with months of made-up rides and a real model of them, as the stages would leave it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tests.integration.left_trainings import leave, pinned
from tests.left_rows import leave_rows

from mlfactory.lake import ledger
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry.models import StoredModel, load_version
from mlfactory.registry.versions import register

SPEC = """
apiVersion: mlfactory/v1
name: rides
title: Will this ride be late?
partition: {every: month, start: 2013-01-01}
sources:
  rides: {kind: csv, path: "rides.csv", event_time: at, key: [ride]}
features:
  key: [ride]
  event_time: at
  numeric: [distance, wind]
  categorical: [line]
  sensitive: [quarter]
label: {column: late, kind: binary, arrives_after: 2 days}
business: {false_negative: 60, false_positive: 12}
monitor:
  performance: {metric: roc_auc, warn: 0.6, alert: 0.55}
  slo: {freshness: 3 days}
"""

INPUTS = ["distance", "wind", "line"]
RIDES_A_DAY = 12
THRESHOLD = 1 / 6
"""What the costs imply: with a higher one no model would cost less."""

TRAINING = "2013-03-01.test"
LABELS = pa.schema(
    [
        ("ride", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("label", pa.float64()),
        ("available_at", pa.timestamp("us", "UTC")),
    ]
)


@dataclass(frozen=True)
class Rides:
    """The product, and what the stages before the monitor would do for it."""

    product: Product

    @property
    def lake(self) -> Lake:
        return Lake(self.product.name)

    def month(self, number: int) -> Partition:
        return self.product.calendar.parse(f"2013-{number:02d}-01")

    def prepare(
        self, number: int, *, shift: float = 0.0, days: int | None = None, labels: bool = True
    ) -> None:
        """Land a month of features and labels; `shift` moves wind in standard deviations."""
        month = self.month(number)
        length = (month.end - month.start).days if days is None else days
        random = np.random.default_rng(number)
        rows = length * RIDES_A_DAY
        at = pd.Timestamp(month.start) + pd.to_timedelta(np.arange(rows) * 24 / RIDES_A_DAY, "h")
        frame = pd.DataFrame(
            {
                "ride": [f"{month.key}/{row}" for row in range(rows)],
                "at": at.astype("datetime64[us, UTC]"),
                "distance": random.normal(10, 3, rows),
                "wind": random.normal(0, 1, rows) + shift,
                "line": random.choice(["A", "B", "C"], rows),
                "quarter": random.choice(["north", "south"], rows),
            }
        )
        chance = 1 / (1 + np.exp(-(frame["distance"] - 10 - shift) / 2))
        late = (random.random(rows) < chance).astype(float)
        truth = frame[["ride", "at"]].assign(
            label=late, available_at=frame["at"] + self.product.spec.label.arrives_after
        )
        if not labels:
            truth = truth.iloc[:0]
        landed = pa.Table.from_pandas(truth, schema=LABELS, preserve_index=False)
        leave_rows(self.product, month.key, features=frame, labels=landed)

    def train(self) -> str:
        """Fit on January and February, judge by March, promote, and return the version."""
        lake, march = self.lake, self.month(3)
        fit = [self.month(1).key, self.month(2).key]
        rows = lake.read("features", fit).merge(lake.read("labels", fit)[["ride", "label"]])
        model = make_pipeline(
            make_column_transformer(
                (StandardScaler(), ["distance", "wind"]), (OneHotEncoder(), ["line"])
            ),
            LogisticRegression(),
        ).fit(rows[INPUTS], rows["label"])
        held_out = lake.read("features", [march.key])
        truth = held_out.merge(lake.read("labels", [march.key])[["ride", "label"]])["label"]
        training = pinned(
            self.product,
            TRAINING,
            march.key,
            fit,
            features_version=lake.version("features"),
            fit_rows=len(rows),
        )
        left = leave(self.product, training, model, rows, rows["label"], held_out, truth, THRESHOLD)
        tags = {"training_id": TRAINING, "partition": march.key, "seen_through": march.key}
        stored = StoredModel(left.model_uri, left.model, left.digest)
        version = register(self.product.name, stored, left.run_id, tags)
        ledger.record(
            self.product.name,
            ledger.Entry(
                event="promoted",
                partition=march.key,
                why="passed every gate",
                subject=TRAINING,
                details={"version": version, "seen_through": march.key},
            ),
        )
        return version

    def score(self, number: int, *, role: str = "champion", threshold: float = THRESHOLD) -> None:
        """Predict a month with the model, the challenger being the same model, badly moved."""
        month = self.month(number)
        version = "1" if role == "champion" else "2"
        rows = self.lake.read("features", [month.key])
        model = load_version(self.product.name, "1")
        scores = model.answer(rows).scores
        if role == "challenger":
            scores = 1 - scores
        made = rows[["ride", "at"]].assign(
            role=role,
            model_version=version,
            score=scores,
            prediction=(scores >= threshold).astype(float),
        )
        standing = self.lake.read("predictions", [month.key])
        if len(standing):
            made = pd.concat([standing[standing["role"] != role], made], ignore_index=True)
        leave_rows(self.product, month.key, predictions=made)

    def metrics(self, number: int) -> pd.DataFrame:
        """Return what the monitor wrote for a month."""
        return self.lake.read("metrics", [self.month(number).key])

    def figure(self, number: int, metric: str, of: str = "", about: int | None = None) -> Any:
        """Return one row of what the monitor wrote for a month."""
        rows = self.metrics(number)
        key = self.month(about or number).key
        found = rows[(rows["metric"] == metric) & (rows["slice"] == of) & (rows["about"] == key)]
        assert len(found) == 1, rows
        return found.iloc[0]


@pytest.fixture
def rides(mlflow_file: Path, make_product: Callable[..., Product]) -> Rides:
    """Give the product with three months of data, and no model."""
    product = make_product(SPEC, files={"rides.csv": "ride,at\n"})
    made = Rides(product)
    for number in (1, 2, 3):
        made.prepare(number)
    return made


@pytest.fixture
def served(rides: Rides) -> Rides:
    """Give the product with three months of data and a champion made of them."""
    rides.train()
    return rides
