"""An hourly product with the defaults, from its first prediction to its first `ok`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from sklearn.linear_model import LinearRegression
from tests.integration.left_trainings import leave, pinned
from tests.left_rows import leave_history

from mlfactory import monitor
from mlfactory.lake import ledger
from mlfactory.lake.catalog import PARTITION
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import IntegrityError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry.models import StoredModel
from mlfactory.registry.versions import register
from mlfactory.statistics.estimate import interval
from mlfactory.statistics.metrics import Outcome
from mlfactory.trainings import files

pytestmark = pytest.mark.one_lake

SPEC = """
apiVersion: mlfactory/v1
name: load
partition: {every: hour, start: 2025-12-04}
sources:
  load: {kind: csv, path: "load.csv", event_time: at, key: [meter, at]}
features: {key: [meter, at], event_time: at, numeric: [sine, cosine, warmth]}
label: {column: load, kind: regression, arrives_after: 3 hours}
"""
INPUTS = ["sine", "cosine", "warmth"]
METERS = 3
FOUR_WEEKS = 28
"""Days that are learned from, held out, and looked back on at most."""

DUE = 3
"""Hours after which labels come."""


def loads(first: str, days: int, *, skill: float, noise: float, seed: int) -> pd.DataFrame:
    """Return what meters read hour by hour: a rhythm of the day, and what each day brings.

    Args:
        skill: how much of a load follows from the features.
        noise: standard deviation of the rest of a reading.
    """
    random = np.random.default_rng(seed)
    at = np.repeat(pd.date_range(first, periods=24 * days, freq="h", tz="UTC", unit="us"), METERS)
    rows = pd.DataFrame({"meter": np.tile(np.arange(METERS), 24 * days), "at": at})
    turn = 2 * np.pi * rows["at"].dt.hour / 24
    rows = rows.assign(sine=np.sin(turn), cosine=np.cos(turn), warmth=random.normal(size=len(rows)))
    brought = lfilter([1.0], [1.0, -0.5], random.normal(size=days))[day_of(rows)]
    follows = rows["sine"] + rows["cosine"] / 2 + rows["warmth"]
    return rows.assign(load=skill * follows + 0.5 * brought + noise * random.normal(size=len(rows)))


def day_of(rows: pd.DataFrame) -> np.ndarray:
    return np.arange(len(rows)) // (24 * METERS)


@dataclass(frozen=True)
class Hours:
    """The product, and what its stages would have left when it has served for a month."""

    product: Product

    def hour(self, number: int) -> Partition:
        """Return the hour so many after that of the first prediction."""
        calendar = self.product.calendar
        return calendar.shift(calendar.parse("2026-01-29T00:00"), number)

    def serve(self, skill: float, noise: float = 1.0, fallen: float = 1.0) -> None:
        """Leave a champion, and a month of features, labels and its predictions.

        Args:
            fallen: by how much the noise of a reading is larger than the champion knew it.
        """
        fit = loads("2025-12-04", FOUR_WEEKS, skill=skill, noise=noise, seed=1)
        held_out = loads("2026-01-01", FOUR_WEEKS, skill=skill, noise=noise, seed=2)
        model = LinearRegression().fit(fit[INPUTS], fit["load"])
        self._promote(model, fit, held_out)
        days = FOUR_WEEKS + 1
        rows = loads(self.hour(0).key, days, skill=skill, noise=fallen * noise, seed=3)
        rows[PARTITION] = rows["at"].dt.strftime("%Y-%m-%dT%H:00")
        named = rows[["meter", "at", PARTITION]]
        truth = named.assign(label=rows["load"], available_at=rows["at"] + timedelta(hours=DUE))
        leave_history(self.product, "prepare", features=rows.drop(columns="load"), labels=truth)
        said = model.predict(rows[INPUTS])
        made = named.assign(role="champion", model_version="1", score=said, prediction=said)
        leave_history(self.product, "score", predictions=made)

    def _promote(self, model: LinearRegression, fit: pd.DataFrame, held_out: pd.DataFrame) -> None:
        product, cutoff = self.product, self.hour(-1).key
        training = pinned(product, f"{cutoff}.test", cutoff, ["2025-12-04T00:00"])
        left = leave(product, training, model, fit, fit["load"], held_out, held_out["load"], None)
        truth, said = held_out["load"].to_numpy(), model.predict(held_out[INPUTS])
        then = interval(Outcome("regression", truth, said, said, blocks=day_of(held_out)), "mae")
        figures = {"mae": {"value": then.value, "low": then.low, "high": then.high}}
        files.save_fitted(product.name, replace(left, metrics=figures))
        seen = {"training_id": training.training_id, "partition": cutoff, "seen_through": cutoff}
        stored = StoredModel(left.model_uri, left.model, left.digest)
        version = register(product.name, stored, left.run_id, seen)
        ledger.record(
            product.name,
            ledger.Entry(
                event="promoted",
                partition=cutoff,
                why="passed every gate",
                subject=training.training_id,
                details={"version": version, "seen_through": cutoff},
            ),
        )

    def performance(self, days: float) -> pd.Series:
        """Run the monitor so long after the first hour's labels came, and return what it found."""
        hour = self.hour(int(24 * days) + DUE)
        monitor.run(self.product, hour)
        about = self.hour(int(24 * days)).key
        rows = Lake(self.product.name).read("metrics", [hour.key])
        found = rows[(rows["metric"] == "performance") & (rows["about"] == about)]
        assert len(found) == 1
        return found.iloc[0]


@pytest.fixture
def hours(mlflow_file: Path, make_product: Callable[..., Product]) -> Hours:
    """Give the product; nothing has run yet."""
    return Hours(make_product(SPEC, files={"load.csv": "meter,at,load\n"}))


def test_a_good_model_of_hours_is_ok_after_eight_days_whatever_the_hour(hours):
    """A window that did not end at midnight began and ended with a part of a day, and told less."""
    hours.serve(skill=2.0)
    assert hours.performance(0.5)["state"] == "insufficient"
    for days in (8.0, 9.0, 9.7):
        assert hours.performance(days)["state"] == "ok"


def test_a_weak_model_of_hours_is_ok_after_four_weeks(hours):
    hours.serve(skill=0.15)
    early = hours.performance(FOUR_WEEKS / 2)
    assert (early["state"], early["why"]) == ("insufficient", "naive")
    assert hours.performance(FOUR_WEEKS)["state"] == "ok"


def test_a_fall_from_the_hold_out_is_told_over_all_that_is_looked_back_on(hours):
    """It was looked for in four days, where nearly every fall is within chance."""
    hours.serve(skill=2.0, fallen=1.4)
    found = hours.performance(FOUR_WEEKS)
    assert (found["state"], found["why"]) == ("warn", "held_out")
    assert found["low"] > found["bound"]
    assert found["since"] == hours.hour(1).key


def test_damage_to_an_hour_stops_the_monitor_where_that_hour_is_measured_and_nowhere_else(
    hours, caplog
):
    """Four weeks are looked back on for a fall: one damaged hour stopped all of them."""
    hours.serve(skill=2.0)
    lake, damaged = Lake(hours.product.name), hours.hour(24)
    for table in ("features", "labels", "predictions"):
        gone = lake.read(table, [damaged.key]).drop(columns=PARTITION).iloc[:1]
        run = str(gone.pop("_run").iloc[0])
        lake.replace(table, gone, damaged.key, run=run)
    assert hours.performance(FOUR_WEEKS)["state"] == "ok"
    assert f"partition {damaged.key}: its predictions are left out" in caplog.text
    with pytest.raises(IntegrityError, match=f"partition {damaged.key} are gone"):
        hours.performance(1)
