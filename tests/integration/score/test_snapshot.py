"""A snapshot's rows that come later are predicted, and judged, though every model has seen it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from mlfactory import ingest, monitor, prepare, score, validate
from mlfactory.cli.cycle import run_partitions
from mlfactory.cycle.job import Budget
from mlfactory.lake import batches, ledger
from mlfactory.lake.tables import Lake
from mlfactory.monitor import tables
from mlfactory.monitor.judged import Answered
from mlfactory.product.loader import Product
from mlfactory.trainings.heldout import load_held_out

pytestmark = pytest.mark.one_lake

SPEC = """
apiVersion: mlfactory/v1
name: shelf
partition: {every: snapshot}
sources: {bottles: {kind: csv, path: bottles.csv, key: [id]}}
features: {key: [id], numeric: [price, weight]}
label: {column: sold, kind: binary}
train: {candidates: [logistic_regression], search: {trials: 1}}
promote: {gates: []}
"""
FEATURES = "def build(sources): return sources['bottles']\n"


def bottles(first: int, count: int) -> pd.DataFrame:
    random = np.random.default_rng(first)
    price = random.normal(size=count)
    sold = random.random(count) < np.where(price > 0, 0.9, 0.1)
    return pd.DataFrame(
        {
            "id": np.arange(first, first + count),
            "price": price,
            "weight": random.normal(size=count),
            "sold": sold.astype(int),
        }
    )


@pytest.fixture
def shelf(mlflow_file: Path, make_product) -> Product:
    """Give a product that was run once, on 800 bottles."""
    product = make_product(SPEC, FEATURES, {"bottles.csv": bottles(0, 800).to_csv(index=False)})
    snapshot = product.calendar.parse("snapshot")
    run_partitions(product, [snapshot], [], Budget(), Console(quiet=True))
    return product


def again(product: Product, rows: pd.DataFrame, size: int = 1_000_000) -> score.ScoreResult:
    rows.to_csv(product.folder / "bottles.csv", index=False)
    snapshot = product.calendar.parse("snapshot")
    for stage in (ingest, validate, prepare):
        stage.run(product, snapshot)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batches, "BATCH", size)
        return score.run(product, snapshot)


@pytest.mark.parametrize("size", [1_000_000, 300])
def test_rows_that_came_later_are_predicted_and_rows_it_was_chosen_by_are_marked(
    shelf: Product, size: int
) -> None:
    new = bottles(1000, 50).astype({"sold": "Int64"})
    new.loc[:24, "sold"] = None
    made = again(shelf, pd.concat([bottles(0, 800), new]), size)
    rows = Lake("shelf").read("predictions")
    came = rows[rows["id"] >= 1000]
    assert len(came) == 50 and not came["held_out"].any() and came["score"].notna().all()
    chosen_by = rows[rows["id"] < 1000]
    assert chosen_by["held_out"].all()
    assert made.state == "ok" and made.rows == len(rows) == 50 + len(chosen_by)
    assert set(chosen_by["id"]) == set(held_out_ids())
    assert set(rows["role"]) == {"champion"} and set(rows["model_version"]) == {"1"}
    # the labels of those that have one are there, so that they can be judged
    assert monitor.run(shelf, shelf.calendar.parse("snapshot")).states["performance"] == "ok"


def held_out_ids() -> list[int]:
    promoted = ledger.entries("shelf", "promoted")[-1]
    return load_held_out("shelf", promoted.subject).rows["id"].tolist()


def test_a_snapshot_of_which_every_row_was_fitted_is_seen(shelf: Product) -> None:
    held_out = held_out_ids()
    known = bottles(0, 800)
    made = again(shelf, known[~known["id"].isin(held_out)])
    assert made == score.ScoreResult(0, None, None, "seen")
    assert Lake("shelf").read("predictions").empty
    assert monitor.run(shelf, shelf.calendar.parse("snapshot")).states


def test_a_sample_of_a_snapshot_judges_new_rows_by_their_share(
    mlflow_file: Path, make_product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training and monitor looked at the same rows of old, which are left out where they were
    fitted: half of what was judged was held out, and an area of 0.66 was told as 0.46."""
    spec = SPEC.replace("trials: 1}}", "trials: 1}, max_rows: 1500}")
    old, new = bottles(0, 6000), bottles(6000, 2000)
    product = make_product(spec, FEATURES, {"bottles.csv": old.to_csv(index=False)})
    snapshot = product.calendar.parse("snapshot")
    run_partitions(product, [snapshot], [], Budget(), Console(quiet=True))
    again(product, pd.concat([old, new.assign(sold=1 - new["sold"])]))
    monitor.run(product, snapshot)
    whole = judged_by(product, "roc_auc")
    monkeypatch.setattr(tables, "MOST", 1500)
    monkeypatch.setattr(batches, "BATCH", 700)
    judged = Answered(product, tables.Tables(product)).over([snapshot], snapshot)["champion"]
    every = Lake(product.name).read("predictions")
    assert 1000 < len(judged.rows) < 1500
    for at, share in (("held_out", every["held_out"]), ("new", every["id"] >= 6000)):
        ours = judged.rows["held_out"] if at == "held_out" else judged.rows["id"] >= 6000
        assert ours.mean() == pytest.approx(share.mean(), abs=0.04)
    monitor.run(product, snapshot)
    assert whole == pytest.approx(0.66, abs=0.02)
    assert judged_by(product, "roc_auc") == pytest.approx(whole, abs=0.06)


def judged_by(product: Product, metric: str) -> float:
    rows = Lake(product.name).read("metrics")
    return float(rows[(rows["metric"] == metric) & (rows["slice"] == "")].iloc[0]["value"])


def test_where_the_champion_has_seen_every_row_no_challenger_is_asked(
    shelf: Product, caplog: pytest.LogCaptureFixture
) -> None:
    tried = {"version": "2", "challenger": True}
    ledger.record("shelf", ledger.Entry("rejected", "snapshot", "no better", "x", details=tried))
    standing = ledger.standing(ledger.entries("shelf", *ledger.DECISIONS))
    assert standing.challenger and standing.challenger.version == "2"
    known = bottles(0, 800)
    made = again(shelf, known[~known["id"].isin(held_out_ids())])
    assert made == score.ScoreResult(0, None, None, "seen")
    assert "going on without challenger" not in caplog.text
