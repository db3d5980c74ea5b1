"""What was replaced makes stale what was made from it, and what was made from that."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlfactory.lake.manifests import manifest, read_manifest
from mlfactory.lake.row_decisions import DecidedRow, RowDecision, decide
from mlfactory.lake.staleness import CODE, DECIDED, StaleRun, stale_runs
from mlfactory.product.loader import Product, load_folder, load_product
from mlfactory.settings import REPOSITORY

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def product() -> Product:
    return load_product("flight_delay", REPOSITORY / "include" / "products")


def run(product: Product, stage: str, key: str, *reads: str) -> None:
    with manifest(product, stage, key) as record:
        for name in reads:
            record.has_read(read_manifest(product.name, *name.split("/")))


def live(product: Product, *keys: str) -> None:
    """Run a chain in which every partition is prepared with the one before."""
    before = None
    for key in keys:
        run(product, "ingest", key)
        run(product, "validate", key, f"ingest/{key}")
        history = [f"validate/{before}"] if before else []
        run(product, "prepare", key, f"validate/{key}", *history)
        run(product, "score", key, f"prepare/{key}")
        before = key


def test_where_nothing_was_replaced_nothing_is_stale(product: Product) -> None:
    live(product, "2013-01-01", "2013-02-01", "2013-03-01")
    assert stale_runs(product) == []


def test_a_partition_landed_again_makes_its_neighbours_stale(product: Product) -> None:
    live(product, "2013-01-01", "2013-02-01", "2013-03-01")
    run(product, "ingest", "2013-02-01")
    assert stale_runs(product) == [
        StaleRun("validate", "2013-02-01", ("ingest/2013-02-01",)),
        StaleRun("prepare", "2013-02-01", ("validate/2013-02-01",)),
        StaleRun("prepare", "2013-03-01", ("validate/2013-02-01",)),
        StaleRun("score", "2013-02-01", ("prepare/2013-02-01",)),
        StaleRun("score", "2013-03-01", ("prepare/2013-03-01",)),
    ]


def test_made_again_in_that_order_nothing_is_stale_any_more(product: Product) -> None:
    keys = ("2013-01-01", "2013-02-01", "2013-03-01")
    live(product, *keys)
    run(product, "ingest", "2013-01-01")
    for _ in range(20):
        stale = stale_runs(product)
        if not stale:
            return
        one = stale[0]
        reads = read_manifest(product.name, one.stage, one.key)["reads"]
        run(product, one.stage, one.key, *reads)
    raise AssertionError(f"still stale: {stale}")


def test_what_is_being_replaced_makes_its_readers_stale(product: Product) -> None:
    live(product, "2013-01-01")
    with pytest.raises(RuntimeError), manifest(product, "ingest", "2013-01-01"):
        raise RuntimeError("killed")
    assert [(one.stage, one.key) for one in stale_runs(product)] == [
        ("validate", "2013-01-01"),
        ("prepare", "2013-01-01"),
        ("score", "2013-01-01"),
    ]


def test_what_was_built_with_other_code_is_stale_and_what_stands_on_it(
    product: Product, tmp_path: Path
) -> None:
    live(product, "2013-01-01", "2013-02-01")
    folder = tmp_path / "products" / product.name
    shutil.copytree(product.folder, folder)
    with (folder / "features.py").open("a") as file:
        file.write("\nDELAYED = 20\n")
    changed = load_folder(folder)
    run(changed, "prepare", "2013-02-01", "validate/2013-02-01")
    run(changed, "score", "2013-02-01", "prepare/2013-02-01")
    assert stale_runs(changed) == [
        StaleRun("prepare", "2013-01-01", (CODE,)),
        StaleRun("score", "2013-01-01", ("prepare/2013-01-01",)),
    ]


def test_trainings_are_never_stale_for_they_read_what_they_pinned(product: Product) -> None:
    live(product, "2013-01-01")
    with manifest(product, "snapshot", "2013-01-01", "2013-01-01.t1") as record:
        record.has_read(read_manifest(product.name, "prepare", "2013-01-01"))
    run(product, "prepare", "2013-01-01", "validate/2013-01-01")
    assert {one.stage for one in stale_runs(product)} == {"score"}


def test_what_somebody_decides_about_its_rows_makes_a_validation_stale(product: Product) -> None:
    live(product, "2013-01-01", "2013-02-01")
    rows = {"a1": DecidedRow(row=3, record="{}")}
    decide(product.name, RowDecision("2013-01-01", "flights", "accepted", rows, why="it flew"))
    stale = stale_runs(product)
    assert stale[0] == StaleRun("validate", "2013-01-01", (DECIDED,))
    assert {(run.stage, run.key) for run in stale[1:]} == {
        (stage, key) for stage in ("prepare", "score") for key in ("2013-01-01", "2013-02-01")
    }
    with manifest(product, "validate", "2013-01-01") as record:
        record.has_read(read_manifest(product.name, "ingest", "2013-01-01"))
        record.reads["row_decisions/2013-01-01"] = "1"
    assert "validate" not in {run.stage for run in stale_runs(product)}
