"""A shop with made-up sales and trainings, left behind as the stages before would leave them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlfactory.lake.catalog import training_file
from mlfactory.lake.store import product_store, write_json
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry import answers, models, runs

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
            self._days[day.key] = frame.assign(label=self._label(late, amount))
            Lake("shop").replace("features", frame, day.key)

    def train(self, cutoff: int, *, fit: list[int], name: str = "test", by: str = "amount") -> str:
        """Leave a training that has learned from column `by`, and return its id."""
        training_id = f"{self.day(cutoff).key}.{name}"
        keys = [self.day(number).key for number in fit]
        rows = pd.concat([self._days[key] for key in keys], ignore_index=True)
        held_out = self._days[self.day(cutoff).key].copy()
        inputs = list(self.product.spec.features.inputs)
        model = self._model(by).fit(rows[inputs], rows["label"])
        baseline = self._baseline().fit(rows[inputs], rows["label"])
        for who, estimator in (("candidate", model), ("baseline", baseline)):
            scores = answers.answer_scores(estimator, held_out[inputs])
            held_out[f"{who}_scores"] = list(scores)
            held_out[f"{who}_decisions"] = answers.answer_decisions(
                estimator, held_out[inputs], scores
            )
        held_out["block"] = held_out["at"].dt.hour
        run_id = runs.training_run(self.product, self.day(cutoff).key, training_id)
        example = rows[inputs].head(10)
        uri = models.log_model(run_id, model, example, model.predict(example))
        runs.log_frame(run_id, held_out, "holdout.parquet")
        classes = answers.class_names(model)
        self._leave(training_id, cutoff, keys, run_id, uri, list(classes or []) or None)
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

    def _baseline(self) -> Any:
        kind = self.product.spec.label.kind
        return DummyRegressor(strategy="median") if kind == "regression" else DummyClassifier()

    def _leave(
        self,
        training_id: str,
        cutoff: int,
        fit: list[str],
        run_id: str,
        uri: str,
        classes: list[str] | None,
    ) -> None:
        store = product_store("shop")
        key = self.day(cutoff).key
        snapshot = {
            "product": "shop",
            "partition": key,
            "training_id": training_id,
            "reason": "test",
            "features_version": Lake("shop").version("features"),
            "labels_version": 0,
            "fit_partitions": fit,
            "holdout_partitions": [key],
            "seed": 7,
        }
        write_json(store, training_file(training_id, "snapshot.json"), snapshot)
        fitted: dict[str, Any] = {
            "run_id": run_id,
            "model_uri": uri,
            "candidate": "logistic_regression",
        }
        fitted |= {"classes": classes, "threshold": 0.2}
        write_json(store, training_file(training_id, "fit.json"), fitted)
