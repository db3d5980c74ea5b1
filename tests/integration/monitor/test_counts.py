"""What prepare counted drifts as its rows do, and rows are read where counts do not stand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.integration.left_trainings import leave, pinned
from tests.integration.monitor.conftest import SPEC, TRAINING, Rides
from tests.left_rows import leave_rows

from mlfactory import ingest, monitor, prepare, validate
from mlfactory.lake import ledger
from mlfactory.lake.catalog import FEATURES, profiled_file, training_file
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.monitor import drift, tables
from mlfactory.monitor.features import Features
from mlfactory.product.loader import Product, load_product
from mlfactory.product.partitions import Partition
from mlfactory.profiles.kept import read_profiles
from mlfactory.registry.models import StoredModel
from mlfactory.registry.versions import register
from mlfactory.statistics.profile import profile_of
from mlfactory.trainings.files import load_profile, save_profile

pytestmark = pytest.mark.one_lake

BUILD = """
def build(sources):
    return sources["rides"].assign()
"""
LONGER = "train: {window: 3 partitions, holdout: 2 partitions}\nmonitor:"
ROOT = Path(__file__).parents[3]
MONTHS = (1, 2, 3, 4, 5)
Reads = list[tuple[str, str, bool]]


def rides() -> str:
    """Return rides of five months with gaps, and lines that come and go."""
    rng = np.random.default_rng(5)
    at = pd.date_range("2013-01-01", "2013-05-31 22:00", freq="2h")
    rows, later = len(at), at.month >= 4
    # as exact as the table has it
    at += pd.to_timedelta(rng.integers(0, 10**6, rows), "us")
    wind = rng.normal(size=rows) + 0.5 * later
    wind[rng.random(rows) < 0.05] = np.nan
    line = rng.choice(["A", "B", "nan", "NA", ""], rows)
    line = np.where(later & (rng.random(rows) < 0.2), "new", line)
    distance = rng.normal(10, 3, rows)
    late = rng.random(rows) < 1 / (1 + np.exp(10 - distance))
    frame = pd.DataFrame(
        {
            "ride": [f"r{each}" for each in range(rows)],
            "at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "distance": distance,
            "wind": wind,
            "line": line,
            "quarter": rng.choice(["north", "south"], rows),
            "late": late.astype(int),
        }
    )
    return frame.to_csv(index=False)


def through(product: Product, partition: Partition) -> None:
    ingest.run(product, partition)
    validate.run(product, partition)
    prepare.run(product, partition)


@pytest.fixture
def world(mlflow_file: Path, make_product: Callable[..., Product]) -> Rides:
    """Give a product whose months went through the data stages, the last two with a champion."""
    return lived(make_product, SPEC.replace("  sensitive: [quarter]\n", ""))


def lived(make_product: Callable[..., Product], spec: str) -> Rides:
    world = Rides(make_product(spec.replace("monitor:", LONGER), BUILD, {"rides.csv": rides()}))
    for number in MONTHS[:3]:
        through(world.product, world.month(number))
    promote(world)
    for number in MONTHS[3:]:
        through(world.product, world.month(number))
        world.score(number)
    return world


def promote(world: Rides) -> None:
    """Leave a champion that learned from January and February."""
    product, lake, march = world.product, world.lake, world.month(3)
    fit = [world.month(1).key, world.month(2).key]
    crown(product, lake.read(FEATURES, fit), lake.read(FEATURES, [march.key]), fit, march.key)


def crown(
    product: Product,
    rows: pd.DataFrame,
    held_out: pd.DataFrame,
    fit: list[str],
    seen: str,
    by: str = "distance",
) -> None:
    # of one column without gaps, that both products have: what it says is no matter here
    by = "distance"
    learned, y = make_column_transformer((StandardScaler(), [by])), rows[by] > rows[by].median()
    model = make_pipeline(learned, LogisticRegression()).fit(rows, y.astype(float))
    truth = (held_out[by] > rows[by].median()).astype(float)
    training = pinned(product, TRAINING, seen, fit, fit_rows=len(rows))
    left = leave(product, training, model, rows, y.astype(float), held_out, truth, 0.2)
    tags = {"training_id": TRAINING, "partition": seen, "seen_through": seen}
    stored = StoredModel(left.model_uri, left.model, left.digest)
    version = register(product.name, stored, left.run_id, tags)
    details = {"version": version, "seen_through": seen}
    entry = ledger.Entry(
        event="promoted", partition=seen, why="better", subject=TRAINING, details=details
    )
    ledger.record(product.name, entry)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Give a list that fills with the features that are read: partition, and whether by column."""
    found: Reads = []
    for name in ("arrow", "batches"):
        monkeypatch.setattr(Lake, name, noted(found, getattr(Lake, name)))
    return found


def noted(found: Reads, really: Callable[..., Any]) -> Callable[..., Any]:
    def read(self: Lake, table: str, partitions: Any = None, **more: Any) -> Any:
        if table == FEATURES:
            wind = more.get("columns") is None or "wind" in more["columns"]
            found.extend((table, key, wind) for key in partitions or ["all"])
        return really(self, table, partitions, **more)

    return read


def judged(product: Product, partition: Partition) -> tuple[pd.DataFrame, dict[str, str]]:
    """Run the monitor, and return all that it wrote and how it judges."""
    states = monitor.run(product, partition).states
    rows = Lake(product.name).read("metrics", [partition.key]).drop(columns="_run")
    return rows, states


def by_rows(product: Product, partition: Partition) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return what is found where no partition has a summary."""
    store = product_store(product.name)
    files = {name: store.read(name) for name in store.list(f"profiled/{FEATURES}")}
    for name in files:
        store.delete(name)
    found = judged(product, partition)
    for name, content in files.items():
        store.write(name, content)
    return found


def same(one: tuple[pd.DataFrame, Any], other: tuple[pd.DataFrame, Any]) -> None:
    pd.testing.assert_frame_equal(one[0], other[0], check_exact=True)
    assert one[1] == other[1]


def test_what_is_counted_is_judged_as_its_rows_are_and_none_is_read(
    world: Rides, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    # no window tells, so that the longest is looked at
    monkeypatch.setattr(drift, "TELLING", 0.0001)
    may = world.month(5)
    reads.clear()
    counted = judged(world.product, may)
    assert not reads
    rows = by_rows(world.product, may)
    assert {key for _, key, _ in reads} == {"2013-04-01", "2013-05-01"}
    same(counted, rows)
    of_line = counted[0][(counted[0]["metric"] == "drift") & (counted[0]["slice"] == "line")]
    assert of_line["state"].tolist() == ["alert"]
    assert of_line["since"].tolist() == ["2013-04-01"]
    reads.clear()
    product_store("rides").delete(profiled_file(FEATURES, "2013-04-01"))
    same(judged(world.product, may), counted)
    assert {key for _, key, _ in reads} == {"2013-04-01"}
    page = product_store("rides").read("reports/2013-05-01.html").decode()
    assert "The features furthest beyond their bounds" in page


def test_windows_too_large_for_memory_are_judged_alike(
    world: Rides, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MOST", 100)
    may = world.month(5)
    reads.clear()
    counted = judged(world.product, may)
    assert not reads
    same(counted, by_rows(world.product, may))
    assert reads


def test_a_picture_of_a_window_that_is_too_large_holds_none_of_its_rows(
    world: Rides, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = product_store("rides")
    for name in store.list(f"profiled/{FEATURES}"):
        store.delete(name)
    read = tables.Tables(world.product)
    months = [world.month(number) for number in (2, 3, 4)]
    monkeypatch.setattr(tables, "MOST", read.rows(months) - 1)
    assert len(Features(world.product, read).numbers(months, "distance"))
    assert not read._read
    monkeypatch.setattr(tables, "MOST", read.rows(months))
    Features(world.product, read).numbers(months, "distance")
    assert read._read


def test_a_month_without_a_model_is_looked_at_without_its_rows(world: Rides, reads: Reads) -> None:
    january = world.month(1)
    reads.clear()
    counted = judged(world.product, january)
    assert not reads
    assert counted[1]["drift"] == "no_model"
    same(counted, by_rows(world.product, january))
    assert reads


def test_rows_are_read_where_another_model_was_promoted_since(world: Rides, reads: Reads) -> None:
    before = judged(world.product, world.month(4))
    fitted = world.lake.read(FEATURES, ["2013-02-01"])
    kinds = load_profile("rides", TRAINING).kinds
    save_profile("rides", TRAINING, profile_of(fitted, kinds, fitted["at"], "month"))
    reads.clear()
    after = judged(world.product, world.month(4))
    assert ("features", "2013-04-01", True) in reads
    assert not before[0].equals(after[0])
    prepare.run(world.product, world.month(4))
    reads.clear()
    same(judged(world.product, world.month(4)), after)
    assert not reads


def test_rows_are_read_where_a_summary_is_damaged_or_of_rows_that_were_replaced(
    world: Rides, reads: Reads
) -> None:
    april, store = world.month(4), product_store("rides")
    before = judged(world.product, april)
    store.write(profiled_file(FEATURES, april.key), b"PK")
    reads.clear()
    same(judged(world.product, april), before)
    assert reads
    prepare.run(world.product, april)
    rows = world.lake.read(FEATURES, [april.key]).drop(columns=["partition", "_run"])
    leave_rows(world.product, april.key, features=rows.assign(wind=rows["wind"] + 3))
    reads.clear()
    assert not judged(world.product, april)[0].equals(before[0])
    assert reads


def test_who_needs_only_traits_reads_only_these(
    mlflow_file: Path, make_product: Callable[..., Product], reads: Reads
) -> None:
    world = lived(make_product, SPEC)
    reads.clear()
    counted = judged(world.product, world.month(4))
    assert reads and not any(wind for _, _, wind in reads)
    slices = {name for name in counted[0]["slice"] if name.startswith("quarter=")}
    assert slices == {"quarter=north", "quarter=south"}
    same(counted, by_rows(world.product, world.month(4)))


def test_personal_data_is_not_counted(
    mlflow_file: Path, make_product: Callable[..., Product], reads: Reads
) -> None:
    spec = SPEC.replace("  sensitive: [quarter]\n", "").replace(
        "key: [ride]}", "key: [ride], pii: {line: drop}}"
    )
    # what build makes of elsewhere has the name all the same
    build = BUILD.replace("assign(", 'assign(line="A", ')
    product = make_product(spec.replace("monitor:", LONGER), build, {"rides.csv": rides()})
    world = Rides(product)
    for number in MONTHS[:3]:
        through(product, world.month(number))
    promote(world)
    through(product, world.month(4))
    kept = read_profiles(product, FEATURES, ["2013-04-01"], tallied=True)["2013-04-01"]
    assert kept.tally is not None
    assert set(kept.tally.counts) == {"distance", "wind"}
    reads.clear()
    judged(product, world.month(4))
    assert reads


def test_shards_are_counted_together(
    mlflow_file: Path, make_product: Callable[..., Product], reads: Reads
) -> None:
    spec = SPEC.replace("  sensitive: [quarter]\n", "").replace(
        "start: 2013-01-01}", "start: 2013-01-01, shards: 3, by: ride}"
    )
    world = lived(make_product, spec)
    reads.clear()
    counted = judged(world.product, world.month(4))
    assert not reads
    same(counted, by_rows(world.product, world.month(4)))


def test_that_counting_fails_stops_nothing(
    world: Rides, reads: Reads, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = judged(world.product, world.month(4))
    monkeypatch.setattr("mlfactory.statistics.tally._of_column", lambda *_: 1 / 0)
    prepare.run(world.product, world.month(4))
    assert "it cannot be counted for monitoring" in caplog.text
    reads.clear()
    same(judged(world.product, world.month(4)), before)
    assert reads


def test_a_lost_reference_is_no_matter_of_the_data(world: Rides) -> None:
    product_store("rides").delete(training_file(TRAINING, "profile.npz"))
    prepare.run(world.product, world.month(4))
    assert judged(world.product, world.month(4))[1]["drift"] == "no_reference"


def test_real_flights_are_judged_alike(
    mlflow_file: Path, home: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = load_product("flight_delay", ROOT / "include/products")
    january, february = map(product.calendar.parse, ("2013-01-01", "2013-02-01"))
    through(product, january)
    rows = Lake(product.name).read(FEATURES, [january.key])
    crown(product, rows, rows.iloc[::20], [january.key], january.key)
    through(product, february)
    reads.clear()
    counted = judged(product, february)
    assert not any(key == february.key for _, key, _ in reads)
    same(counted, by_rows(product, february))
    assert reads
    found = counted[0][(counted[0]["metric"] == "drift") & (counted[0]["slice"] != "")]
    assert len(found) == len(product.spec.features.inputs)
    assert found["value"].notna().all()
