"""A stage killed at any of its writes and run again leaves the lake as if nothing had been."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable
from mlflow import MlflowClient

from mlfactory import ingest, monitor, prepare, promote, retrain, score, train, validate
from mlfactory.lake import ledger, tables
from mlfactory.lake.s3 import S3Store
from mlfactory.lake.staleness import stale_runs
from mlfactory.lake.store import FolderStore, product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.settings import settings

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


WRITES = ("create_", "delete_", "finalize_", "log_", "rename_", "restore_", "set_", "update_")
"""How the names of MLflow's functions begin that change something."""


class Killer:
    """Ends the process, so to speak, once before the first write and once after every one.

    A write is whatever another process can see: a file, a commit to a table, a call of MLflow.
    Right before a write is right after the one before it.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.target = -1
        self.writes = 0
        self.kills = 0
        for store in (FolderStore, S3Store):
            for name in ("write", "create", "delete"):
                patch.setattr(store, name, self._watched(getattr(store, name)))
        patch.setattr(tables, "write_deltalake", self._watched(tables.write_deltalake))
        patch.setattr(DeltaTable, "create", staticmethod(self._watched(DeltaTable.create)))
        for name in dir(MlflowClient):
            if name.startswith(WRITES):
                patch.setattr(MlflowClient, name, self._watched(getattr(MlflowClient, name)))

    def _watched(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            if self.target == 0:
                raise Killed
            done = write(*args, **kwargs)
            self.writes += 1
            if self.writes == self.target:
                raise Killed
            return done

        return watched

    def until_it_lives(self, stage: Callable[[], Any]) -> Any:
        """Run a stage, killed before its first write, after it, … until it comes through."""
        for target in range(200):
            self.target, self.writes = target, 0
            try:
                return stage()
            except Killed:
                self.kills += 1
        raise AssertionError("a stage with two hundred writes?")


Run = Callable[[Callable[[], Any]], Any]


def live(product: Product, run: Run) -> None:
    """Let three days pass, the first training included; mend the second and run it again."""
    for key in DAYS:
        partition = product.calendar.parse(key)
        _data(product, partition, run)
        if run(_bound(retrain.run, product, partition)).requested:
            training = f"{key}.test"
            run(lambda p=partition, t=training: train.snapshot(product, p, t))
            run(lambda t=training: train.search(product, t, "logistic_regression"))
            run(lambda t=training: train.fit(product, t))
            run(lambda t=training: promote.judge(product, t))
            run(lambda t=training: promote.settle(product, t))
    (product.folder / "sales.csv").write_text(sales(mended=True))
    for key in DAYS[1:]:
        _data(product, product.calendar.parse(key), run)


def _data(product: Product, partition: Partition, run: Run) -> None:
    for stage in (ingest.run, validate.run, prepare.run, score.run, monitor.run):
        run(_bound(stage, product, partition))


def _bound(stage: Callable[..., Any], product: Product, partition: Partition) -> Callable[[], Any]:
    return lambda: stage(product, partition)


def sales(*, mended: bool = False) -> str:
    generator = np.random.default_rng(5)
    rows = 360
    price = generator.normal(10, 3, rows).round(2)
    price[7] = -1
    price[130] = 10 if mended else -1
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
        frame = lake.read(table).drop(columns=["_landing", "_run", "landing"], errors="ignore")
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
        "mlflow": mlflow_state(),
    }


def mlflow_state() -> dict[str, Any]:
    """Return what a person sees in MLflow: runs, how they ended, what they say; and versions."""
    client = MlflowClient(settings().tracking_uri, settings().tracking_uri)
    experiments = {found.experiment_id: found.name for found in client.search_experiments()}
    runs = [
        (
            experiments[run.info.experiment_id],
            run.info.run_name,
            run.info.status,
            sorted(run.data.params.items()),
            {name: len(client.get_metric_history(run.info.run_id, name)) for name in ours(run)},
        )
        for run in client.search_runs(list(experiments))
    ]
    return {
        "runs": sorted(runs, key=str),
        "versions": [
            (found.name, found.version) for found in client.search_model_versions("name = 'shop'")
        ],
        "aliases": client.get_registered_model("shop").aliases,
    }


def ours(run: Any) -> list[str]:
    """Return the metrics whose histories tell the same each time: not those of what was timed."""
    return [name for name in run.data.metrics if "seconds" not in name and "latency" not in name]


def test_killed_at_every_write_of_every_stage(
    home: Path,
    another_home: Callable[[str], None],
    make_product: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    product = make_product(SPEC, FEATURES, {"sales.csv": sales()})
    live(product, lambda stage: stage())
    assert Lake(product.name).read("quarantine")["partition"].to_list() == [DAYS[0]]
    undisturbed = state(product)
    measured = Lake(product.name).read("metrics", [DAYS[-1]])
    # the monitor found what a real training left: its rows, its answers and their truth
    judged = measured[measured["slice"] == ""].set_index("metric")
    assert set(judged.loc[["drift", "prediction_drift"], "model_version"]) == {"1"}

    another_home("disturbed")
    (product.folder / "sales.csv").write_text(sales())

    killer = Killer(monkeypatch)
    live(product, killer.until_it_lives)
    disturbed = state(product)

    assert "promoted" in {event for event, *_ in undisturbed["ledger"]}
    assert disturbed["ledger"] == undisturbed["ledger"]
    assert disturbed["files"] == undisturbed["files"]
    for what, expected in undisturbed["mlflow"].items():
        assert disturbed["mlflow"][what] == expected
    assert stale_runs(product) == []
    assert killer.kills > 100
    for table in TABLES:
        assert disturbed["rows"][table] == undisturbed["rows"][table], table
