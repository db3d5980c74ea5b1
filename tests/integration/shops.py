"""A shop with made-up sales and trainings, left behind as the stages before would leave them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from tests.integration.left_trainings import leave, pinned
from tests.left_rows import leave_rows

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2024-01-01}
sources:
  sales: {kind: csv, path: sales.csv, event_time: at, key: [id]}
features:
  key: [id]
  event_time: at
  numeric: [amount, noise]
  categorical: [colour]
  sensitive: [region]
label: {column: returned, kind: KIND}
BUSINESS
promote: {gates: GATES}
"""

TRUTH = "(truth)"

BINARY_GATES = """[
  {metric: roc_auc, at_least: 0.6},
  {metric: roc_auc, beats: champion, confidence: 0.9},
  {metric: roc_auc, slice: region, drop_at_most: 0.1}]"""


def spec_of(kind: str = "binary", gates: str = BINARY_GATES) -> str:
    business = "business: {false_negative: 60, false_positive: 12}" if kind == "binary" else ""
    return SPEC.replace("KIND", kind).replace("BUSINESS", business).replace("GATES", gates)


@dataclass
class Shop:
    """A product of days: `sell` fills the lake, `train` leaves a training to be judged."""

    product: Product
    rows: int = 240
    more: Sequence[str] = ()
    _days: dict[str, pd.DataFrame] = field(default_factory=dict)

    def day(self, number: int) -> Partition:
        return self.product.calendar.parse(f"2024-01-{number:02d}")

    def sell(self, *numbers: int) -> None:
        for number in numbers:
            day = self.day(number)
            random = np.random.default_rng(number)
            amount = random.normal(size=self.rows)
            chance = 1 / (1 + np.exp(-2 * amount))
            late = (random.random(self.rows) < chance).astype(float)
            frame = pd.DataFrame(
                {
                    "id": [f"{day.key}-{row}" for row in range(self.rows)],
                    "at": pd.Timestamp(day.start)
                    + pd.to_timedelta(np.arange(self.rows) * 24 / self.rows, "h"),
                    "amount": amount,
                    "noise": random.normal(size=self.rows),
                    "colour": random.choice(["red", "blue"], self.rows),
                    "region": random.choice(["north", "south"], self.rows),
                }
            )
            frame["at"] = frame["at"].astype("datetime64[us, UTC]")
            for name in self.more:
                frame[name] = random.normal(size=self.rows)
            # the truth has a name that no feature has
            self._days[day.key] = frame.assign(**{TRUTH: self._label(late, amount)})
            leave_rows(self.product, day.key, features=frame)

    def train(self, cutoff: int, *, fit: list[int], name: str = "test", by: str = "amount") -> str:
        """Leave a training that has learned from column `by`, and return its id."""
        training_id = f"{self.day(cutoff).key}.{name}"
        keys = [self.day(number).key for number in fit]
        rows = pd.concat([self._days[key] for key in keys], ignore_index=True)
        held_out = self._days[self.day(cutoff).key].copy()
        inputs = list(self.product.spec.features.inputs)
        model = self._model(by).fit(rows[inputs], rows[TRUTH])
        training = pinned(
            self.product,
            training_id,
            self.day(cutoff).key,
            keys,
            features_version=Lake("shop").version("features"),
        )
        leave(
            self.product,
            training,
            model,
            rows.drop(columns=TRUTH),
            rows[TRUTH],
            held_out.drop(columns=TRUTH),
            held_out[TRUTH],
            0.2 if self.product.spec.label.kind == "binary" else None,
            # one day tells nothing of chance; here its hours stand for days
            blocks=held_out["at"].dt.hour,
        )
        return training_id

    def _label(self, late: np.ndarray, amount: np.ndarray) -> Any:
        kind = self.product.spec.label.kind
        if kind == "multiclass":
            return np.array(["keeps", "swaps", "returns"], dtype=object)[
                np.digitize(amount, [-0.5, 0.5])
            ]
        return late if kind == "binary" else 3 * amount + late

    def _model(self, by: str) -> Any:
        kind = self.product.spec.label.kind
        prepare = make_column_transformer(
            (StandardScaler(), [by]), (OneHotEncoder(handle_unknown="ignore"), ["colour"])
        )
        model = make_pipeline(prepare, Ridge() if kind == "regression" else LogisticRegression())
        return FixedThresholdClassifier(model, threshold=0.2) if kind == "binary" else model
