"""A product of 24 rows a day, from its first file on: in the end all of it is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: meter
partition: {every: day, start: 2026-01-01}
sources: {rows: {kind: csv, path: rows.csv, event_time: at, key: [id]}}
features: {key: [id], event_time: at, numeric: [x, w]}
label: {column: bad, kind: binary}
train: {window: 28 partitions, holdout: 14 partitions}
business: {false_negative: 10, false_positive: 3}
"""
ROWS, CUTOFF, MOVED = 24, "2026-01-28", "2026-02-05"


@pytest.fixture
def meter(mlflow_file: Path, make_product: Callable[..., Product]) -> Product:
    random = np.random.default_rng(3)
    at = pd.date_range("2026-01-01", "2026-02-09", freq="h", inclusive="left", tz="UTC")
    x = random.normal(size=len(at)) + np.sin(2 * np.pi * at.hour / 24)
    bad = (random.random(len(at)) < 1 / (1 + np.exp(1 - 2 * x))).astype(int)
    x = x + np.where(at >= MOVED, 2.0, 0.0)
    rows = pd.DataFrame(
        {"id": np.arange(len(at)), "at": at, "x": x, "w": random.normal(size=len(at)), "bad": bad}
    )
    build = 'def build(sources): return sources["rows"]\n'
    return make_product(SPEC, build, {"rows.csv": rows.to_csv(index=False)})


def run(*given: str) -> str:
    done = CliRunner().invoke(app, ["run", "meter", *given], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_drift_and_performance_of_small_partitions_are_measured_in_the_end(meter: Product) -> None:
    """After a whole year of such days it was: no drift measured yet, no performance."""
    data = [part for stage in ("ingest", "validate", "prepare") for part in ("--stage", stage)]
    run("2026-01-01", "--to", "2026-01-27", *data)
    one = ("--trials", "1", "--seconds", "20", "--candidates", "logistic_regression")
    assert "promoted yes" in run(CUTOFF, *one)
    run("2026-01-29", "--to", "2026-02-08", *one)
    found = Lake("meter").read("metrics")
    found = found[(found["slice"] == "") & found["metric"].isin(["drift", "performance", "naive"])]
    states = found.set_index(["metric", "partition"])
    calm = [states.loc[metric, "2026-02-04"] for metric in ("drift", "performance", "naive")]
    assert [one["state"] for one in calm] == ["ok", "ok", "ok"]
    assert all(CUTOFF < one["since"] < "2026-02-04" for one in calm)
    first = states.loc["performance", "2026-01-29"]
    assert first["state"] == "insufficient"
    assert states.loc["drift", "2026-02-08"]["state"] == "alert"
