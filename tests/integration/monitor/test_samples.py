"""More rows than are looked at together: drift and coverage of all, figures of a sample by key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.monitor.conftest import SPEC, Rides
from tests.integration.monitor.test_monitor import shown
from tests.left_rows import leave_rows

from mlfactory import monitor
from mlfactory.lake import batches, known
from mlfactory.lake.manifests import manifest, read_manifest
from mlfactory.monitor import drift, tables
from mlfactory.monitor.findings import Finding
from mlfactory.monitor.series import series_name
from mlfactory.product.loader import Product

pytestmark = pytest.mark.one_lake

MOST = 200
LABELLED = 337
"""Rides of April whose labels are known at its end: all but those of the last two days."""


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
    assert sample["bound"] == LABELLED
    figure = served.figure(4, "roc_auc")
    assert figure["low"] < auc["value"] < figure["high"]
    # what all errors cost is that of all rows
    assert served.figure(4, "total_cost")["value"] == pytest.approx(cost["value"], rel=0.1)
    looked_at = f"on {sample['value']:,.0f} of {sample['bound']:,.0f} rows"
    page = shown(result)
    assert f"{looked_at}, chosen by a hash of their key" in page
    assert "answers, chosen by a hash of the event" in page
    assert series_name(Finding("2013-04-01", "sample")) == "performance.sample"


@pytest.mark.parametrize("most", [200, 90])
def test_what_errors_cost_is_that_of_all_rows_where_few_entities_have_them(
    mlflow_file: Path,
    make_product: Callable[..., Product],
    few: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    """By whole entities, of which these have 3, it was that of twice the rows, or of none."""
    spec = SPEC.replace("  sensitive: [quarter]", "  sensitive: [quarter]\n  group: line")
    world = Rides(make_product(spec, files={"rides.csv": "ride,at\n"}))
    for number in (1, 2, 3, 4):
        world.prepare(number)
    world.train()
    scored(world, 4)
    monitor.run(world.product, world.month(4))
    cost = world.figure(4, "total_cost")["value"]
    few()
    monkeypatch.setattr(tables, "MOST", most)
    monitor.run(world.product, world.month(4))
    sample = world.figure(4, "sample")
    assert sample["value"] == pytest.approx(most, rel=0.25)
    assert sample["bound"] == LABELLED
    # of 90 rows chance alone is a fifth
    assert world.figure(4, "total_cost")["value"] == pytest.approx(cost, rel=0.4)


def test_where_few_rows_have_a_label_all_of_these_are_judged(
    served: Rides, few: Callable[[], None]
) -> None:
    """The share was one of all rows: of 360 with 150 labels 83 were judged."""
    served.prepare(4)
    month = served.month(4)
    labels = served.lake.arrow("labels", [month.key])
    labels = labels.drop_columns(["partition", "_run"]).slice(0, 150)
    leave_rows(served.product, month.key, labels=labels)
    scored(served, 4)
    names = ("roc_auc", "total_cost", "coverage")
    monitor.run(served.product, month)
    whole = [served.figure(4, name)["value"] for name in names]
    few()
    monitor.run(served.product, month)
    assert [served.figure(4, name)["value"] for name in names] == whole
    assert not len(found(served, "sample"))


def test_a_partition_that_is_whole_in_a_window_that_is_sampled_is_counted_whole(
    mlflow_file: Path,
    make_product: Callable[..., Product],
    few: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Predictions and freshness were those of the sample, and the page did not say so."""
    spec = SPEC.replace(
        "monitor:", "train: {window: 3 partitions, holdout: 2 partitions}\nmonitor:"
    )
    world = Rides(make_product(spec, files={"rides.csv": "ride,at\n"}))
    for number in (1, 2, 3, 4, 5):
        world.prepare(number)
    world.train()
    for number in (4, 5):
        scored(world, number)
    # no window tells, so that the longest is looked at
    monkeypatch.setattr(drift, "TELLING", 0.0001)
    monitor.run(world.product, world.month(5))
    before = world.figure(5, "freshness")["value"]
    few()
    monkeypatch.setattr(tables, "MOST", 500)
    result = monitor.run(world.product, world.month(5))
    counts = read_manifest(world.product.name, "monitor", world.month(5).key)["counts"]
    assert counts == {"rows": 372, "predictions": 372}
    assert world.figure(5, "freshness")["value"] == before == 2.0
    assert "answers, chosen by a hash of the event" in shown(result)


def test_a_large_partition_that_nobody_has_predicted_yet_is_without_data(
    served: Rides, few: Callable[[], None]
) -> None:
    """Of the table `predictions`, which is not there, no batches came to be joined."""
    served.prepare(4)
    whole = monitor.run(served.product, served.month(4)).states
    assert whole["prediction_drift"] == "no_data"
    few()
    assert monitor.run(served.product, served.month(4)).states == whole


def test_coverage_counts_the_predictions_of_one_model_in_one_role(
    served: Rides, few: Callable[[], None]
) -> None:
    served.prepare(4)
    scored(served, 4)
    month = served.month(4)
    rows = served.lake.read("predictions", [month.key]).drop(columns=["partition", "_run"])
    shadow = rows.iloc[:200].assign(role="challenger", model_version="1")
    older = rows.iloc[:100].assign(ride=rows["ride"].iloc[:100] + "x", model_version="0")
    every = pd.concat([rows, shadow, older], ignore_index=True)
    leave_rows(served.product, month.key, predictions=every)
    few()
    seen = tables.Tables(served.product)
    at = served.month(5).end
    assert seen.coverage(month, "champion", "1", at) == (360, 360)
    assert seen.coverage(month, "challenger", "1", at) == (200, 200)
    assert seen.coverage(month, "champion", "0", at) == (100, 0)
