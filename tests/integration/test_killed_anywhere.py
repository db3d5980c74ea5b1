"""A stage killed at any of its writes and run again leaves the lake as if nothing had been."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlfactory import ingest, monitor, prepare, promote, retrain, score, train, validate
from mlfactory.lake import ledger, tables
from mlfactory.lake.s3 import S3Store
from mlfactory.lake.store import FolderStore, product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
TABLES = ("raw_sales", "quarantine", "features", "labels", "predictions", "metrics")

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources: {sales: {kind: csv, path: sales.csv, event_time: at, key: [id]}}
expect:
  sales: [{type: expect_column_values_to_be_between, column: price, min_value: 0}]
features: {key: [id], event_time: at, numeric: [price], categorical: [shelf]}
label: {column: sold, kind: binary}
train:
  {window: 6 partitions, holdout: 1 partition, min_rows: 50, candidates: [logistic_regression],
   search: {trials: 1}}
promote: {gates: [{metric: roc_auc, at_least: 0.55}]}
"""

FEATURES = "def build(sources): return sources['sales'][['id', 'at', 'price', 'shelf', 'sold']]\n"


class Killed(BaseException):
    """Stands for a signal: nothing in the code may catch it and go on."""


class Killer:
    """Ends the process, so to speak, once at every write: before it or right after it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.target = -1
        self.writes = 0
        stores = [(store, name) for store in (FolderStore, S3Store) for name in ("write", "create")]
        places = ((tables, "write_deltalake"), *stores)
        for place, name in places:
            patch.setattr(place, name, self._watched(getattr(place, name)))

    def _watched(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            self.writes += 1
            if self.writes == self.target and self.target % 2:
                raise Killed
            done = write(*args, **kwargs)
            if self.writes == self.target:
                raise Killed
            return done

        return watched

    def until_it_lives(self, stage: Callable[[], Any]) -> Any:
        """Run a stage, killed at its first write, then at its second, … until it comes through."""
        for target in range(1, 100):
            self.target, self.writes = target, 0
            try:
                return stage()
            except Killed:
                continue
        raise AssertionError("a stage with a hundred writes?")


def live(product: Product, run: Callable[[Callable[[], Any]], Any]) -> None:
    """Let three days pass, the first training included."""
    for key in DAYS:
        partition = product.calendar.parse(key)
        for stage in (ingest.run, validate.run, prepare.run, score.run, monitor.run):
            run(_bound(stage, product, partition))
        if run(_bound(retrain.run, product, partition)).requested:
            training = f"{key}.test"
            run(lambda p=partition, t=training: train.snapshot(product, p, t))
            run(lambda t=training: train.search(product, t, "logistic_regression"))
            run(lambda t=training: train.fit(product, t))
            run(lambda t=training: promote.judge(product, t))
            run(lambda t=training: promote.settle(product, t))


def _bound(stage: Callable[..., Any], product: Product, partition: Partition) -> Callable[[], Any]:
    return lambda: stage(product, partition)


def sales() -> str:
    generator = np.random.default_rng(5)
    rows = 360
    price = generator.normal(10, 3, rows).round(2)
    price[7] = -1
    frame = pd.DataFrame(
        {
            "id": [f"s{n}" for n in range(rows)],
            "at": pd.date_range("2026-01-01", periods=rows, freq="12min", tz="UTC"),
            "price": price,
            "shelf": generator.choice(["low", "high"], rows),
            "sold": (generator.random(rows) < 1 / (1 + np.exp(price - 10))).astype(int),
        }
    )
    return frame.to_csv(index=False)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def state(product: Product) -> dict[str, Any]:
    lake = Lake(product.name)
    store = product_store(product.name)
    rows = {}
    for table in TABLES:
        # the ids of landings are another each time
        frame = lake.read(table).drop(columns=["_landing", "landing"], errors="ignore")
        rows[table] = frame.to_json(orient="records", date_format="iso", double_precision=9)
    return {
        "rows": rows,
        "ledger": [
            (entry.event, entry.partition, entry.subject, entry.why)
            for entry in ledger.entries(product.name)
        ],
        "files": [
            name
            for folder in ("manifests", "reports", "validation", "trainings")
            for name in store.list(folder)
        ],
    }


def test_killed_at_every_write_of_every_stage(
    home: Path,
    another_home: Callable[[str], None],
    make_product: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    product = make_product(SPEC, FEATURES, {"sales.csv": sales()})
    live(product, lambda stage: stage())
    undisturbed = state(product)
    measured = Lake(product.name).read("metrics", [DAYS[-1]])
    # the monitor found what a real training left: its rows, its answers and their truth
    judged = measured[measured["slice"] == ""].set_index("metric")
    assert set(judged.loc[["drift", "prediction_drift"], "model_version"]) == {"1"}

    another_home("disturbed")

    killer = Killer(monkeypatch)
    live(product, killer.until_it_lives)
    disturbed = state(product)

    assert "promoted" in {event for event, *_ in undisturbed["ledger"]}
    assert disturbed["ledger"] == undisturbed["ledger"]
    assert disturbed["files"] == undisturbed["files"]
    for table in TABLES:
        assert disturbed["rows"][table] == undisturbed["rows"][table], table
