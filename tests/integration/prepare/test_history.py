"""What `build` sees of the partitions before the one that it builds."""

from __future__ import annotations

import logging

import pytest
from tests.integration.prepare.conftest import (
    SPEC,
    orders,
    through,
)

from mlfactory import ingest, prepare, validate
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.staleness import stale_runs
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import (
    ContractError,
    UsageError,
)
from mlfactory.product.loader import Product, load_product

pytestmark = [pytest.mark.one_lake, pytest.mark.usefixtures("home")]


def test_history_is_seen_and_not_written_again(shop: Product) -> None:
    through(shop, "2026-01-01")
    through(shop, "2026-01-02")
    features = Lake("shop").read("features", ["2026-01-02"]).set_index("id")
    assert set(features.index.str[0]) == {"2"}
    # item 0 was ordered at 0, 5, 10 and 15 o'clock of the day before
    assert features.loc["2-0", "seen_before"] == 4


def test_history_that_was_stopped_is_not_used(
    shop: Product, caplog: pytest.LogCaptureFixture
) -> None:
    text = orders()
    first = shop.calendar.parse("2026-01-01")
    (shop.folder / "orders.csv").write_text(
        "\n".join(line.replace(",i1,", ",i1,-") for line in text.splitlines()) + "\n"
    )
    ingest.run(shop, first)
    with pytest.raises(ContractError):
        validate.run(shop, first)
    with pytest.raises(ContractError, match="nothing is built from data that breaks its contract"):
        prepare.run(shop, first)
    (shop.folder / "orders.csv").write_text(text)
    with caplog.at_level(logging.WARNING):
        through(shop, "2026-01-02")
    assert "1 of the 1 partitions of its history did not pass validation" in caplog.text
    features = Lake("shop").read("features", ["2026-01-02"]).set_index("id")
    assert features.loc["2-0", "seen_before"] == 0


def test_history_is_trimmed_to_what_was_asked_for(shop: Product) -> None:
    spec = SPEC.replace("history: 1 day", "history: 2 hours")
    (shop.folder / "product.yaml").write_text(spec)
    product = load_product("shop", shop.folder.parent)
    late = "1-99,2026-01-01T22:00:00Z,i0,1,0\n1-98,2026-01-01T21:59:59Z,i0,1,0\n"
    (shop.folder / "orders.csv").write_text(orders() + late)
    through(product, "2026-01-01")
    through(product, "2026-01-02")
    features = Lake("shop").read("features", ["2026-01-02"]).set_index("id")
    # of the day before only the order of exactly 22 o'clock is in the last two hours
    assert features.loc["2-0", "seen_before"] == 1


def test_history_that_was_never_ingested_is_counted_and_told(
    shop: Product, caplog: pytest.LogCaptureFixture
) -> None:
    through(shop, "2026-01-01")
    with caplog.at_level(logging.WARNING):
        result = through(shop, "2026-01-03")
    assert result.history_missing == 1
    assert "1 of the 1 partitions of its history was never ingested: 2026-01-02" in caplog.text
    manifest = read_manifest("shop", "prepare", "2026-01-03")
    assert manifest["counts"]["history_absent"] == 1
    # when it comes, what was built without it is stale
    through(shop, "2026-01-02")
    stale = {(run.stage, run.key): run.because for run in stale_runs(load_product("shop"))}
    assert stale == {("prepare", "2026-01-03"): ("validate/2026-01-02",)}


def test_history_that_is_required_and_absent_is_refused(shop: Product) -> None:
    spec = SPEC.replace("history: 1 day", "history: 1 day\n  history_required: true")
    (shop.folder / "product.yaml").write_text(spec)
    product = load_product("shop", shop.folder.parent)
    # nothing is before the first partition
    assert through(product, "2026-01-01").history_missing == 0
    with pytest.raises(UsageError, match="was never ingested: 2026-01-02"):
        through(product, "2026-01-03")


def test_a_corrected_partition_makes_its_neighbours_stale(shop: Product) -> None:
    through(shop, "2026-01-01")
    through(shop, "2026-01-02")
    assert stale_runs(load_product("shop")) == []
    through(shop, "2026-01-01")
    assert [(run.stage, run.key) for run in stale_runs(load_product("shop"))] == [
        ("prepare", "2026-01-02")
    ]
