"""More rows than are looked at together: drift and coverage of all, figures of a sample by key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.integration.monitor.conftest import SPEC, Rides
from tests.integration.monitor.test_monitor import shown

from mlfactory import monitor
from mlfactory.lake import batches, known
from mlfactory.lake.manifests import manifest
from mlfactory.monitor import tables
from mlfactory.monitor.findings import Finding
from mlfactory.monitor.series import series_name
from mlfactory.product.loader import Product

MOST = 200


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give a function that makes the 360 rides of a month more than are looked at."""

    def made() -> None:
        monkeypatch.setattr(tables, "MOST", MOST)
        monkeypatch.setattr(tables, "DRAWN", 50)
        monkeypatch.setattr(batches, "BATCH", 61)
        monkeypatch.setattr(known, "HELD", 150)

    return made


def scored(world: Rides, number: int) -> None:
    world.score(number)
    with manifest(world.product, "score", world.month(number).key) as record:
        record.counts = {"rows": 12 * 30}
        rows = world.lake.read("predictions", [world.month(number).key])
        record.write(world.lake, "predictions", rows.drop(columns=["partition", "_run"]))


def found(world: Rides, metric: str) -> pd.DataFrame:
    rows = world.metrics(4)
    chosen = rows[rows["metric"] == metric].drop(columns=["_run", "partition"])
    return chosen.reset_index(drop=True)


def test_drift_and_coverage_of_a_sample_are_those_of_all_rows(
    served: Rides, few: Callable[[], None]
) -> None:
    served.prepare(4, shift=0.4)
    scored(served, 4)
    whole = monitor.run(served.product, served.month(4))
    before = {name: found(served, name) for name in ("drift", "prediction_drift", "coverage")}
    rows, fresh = found(served, "rows"), found(served, "freshness")
    few()
    sampled = monitor.run(served.product, served.month(4))
    for name, figures in before.items():
        pd.testing.assert_frame_equal(found(served, name), figures)
    pd.testing.assert_frame_equal(found(served, "rows"), rows)
    pd.testing.assert_frame_equal(found(served, "freshness"), fresh)
    assert {**sampled.states, "performance": ""} == {**whole.states, "performance": ""}


def test_a_model_is_judged_by_a_sample_and_everything_says_so(
    served: Rides, few: Callable[[], None]
) -> None:
    served.prepare(4)
    scored(served, 4)
    monitor.run(served.product, served.month(4))
    cost, auc = (served.figure(4, name) for name in ("total_cost", "roc_auc"))
    assert not len(found(served, "sample"))
    few()
    result = monitor.run(served.product, served.month(4))
    sample = served.figure(4, "sample")
    assert sample["value"] == pytest.approx(MOST, rel=0.2)
    assert sample["bound"] == pytest.approx(360, rel=0.2)
    figure = served.figure(4, "roc_auc")
    assert figure["low"] < auc["value"] < figure["high"]
    # what all errors cost is that of all rows
    assert served.figure(4, "total_cost")["value"] == pytest.approx(cost["value"], rel=0.25)
    looked_at = f"on {sample['value']:,.0f} of {sample['bound']:,.0f} rows"
    page = shown(result)
    assert f"{looked_at}, chosen by a hash of their key" in page
    assert "answers, chosen by a hash of the event" in page
    assert series_name(Finding("2013-04-01", "sample")) == "performance.sample"


def test_a_sample_has_whole_entities(
    mlflow_file: Path, make_product: Callable[..., Product], few: Callable[[], None]
) -> None:
    spec = SPEC.replace("  sensitive: [quarter]", "  sensitive: [quarter]\n  group: line")
    world = Rides(make_product(spec, files={"rides.csv": "ride,at\n"}))
    for number in (1, 2, 3, 4):
        world.prepare(number)
    few()
    seen: Any = tables.Tables(world.product)
    month = [world.month(4)]
    features, traits = seen.features(month), seen.traits(month)
    assert len(features) < len(traits)
    every = world.lake.read("features", [world.month(4).key])
    assert len(traits) == every["line"].isin(set(traits["line"])).sum()
    labels = seen.labels(month, world.month(5).end)
    assert set(labels["ride"]) == set(traits["ride"])
    assert np.isclose(seen.sample(month).share, MOST / 360)
