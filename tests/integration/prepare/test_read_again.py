"""What was read once, and what is read again: registers, and days whose labels have come."""

from __future__ import annotations

import hashlib
import io

import pandas as pd
import pytest
from rich.console import Console
from tests.integration.prepare.conftest import (
    ITEMS,
    assert_same,
    orders,
    state,
    through,
    through_prepare,
)

from mlfactory import ingest, prepare
from mlfactory.cli.cycle import run_partitions
from mlfactory.cycle.job import Budget
from mlfactory.cycle.labels import read_due_again
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.rows import standings
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import (
    ContractError,
    UsageError,
)
from mlfactory.product.loader import Product

pytestmark = pytest.mark.usefixtures("home")


def test_a_snapshot_is_the_one_landed_last_until_the_partition(shop: Product) -> None:
    through(shop, "2026-01-01")
    (shop.folder / "items.csv").write_text(ITEMS.replace("red", "green"))
    through(shop, "2026-01-02")
    assert set(Lake("shop").read("features", ["2026-01-02"])["colour"]) == {"green", "blue"}
    prepare.run(shop, shop.calendar.parse("2026-01-01"))
    assert set(Lake("shop").read("features", ["2026-01-01"])["colour"]) == {"red", "blue"}


def test_a_register_stays_as_it_was_seen_until_it_is_renewed(shop: Product) -> None:
    partition = shop.calendar.parse("2026-01-01")
    through(shop, "2026-01-01")
    seen = read_manifest("shop", "ingest", "2026-01-01")["facts"]["sources"]["items"]
    (shop.folder / "items.csv").write_text(ITEMS.replace("red", "green") + "i9,blue\n")
    through(shop, "2026-01-01")
    assert set(Lake("shop").read("features", ["2026-01-01"])["colour"]) == {"red", "blue"}
    again = read_manifest("shop", "ingest", "2026-01-01")["facts"]["sources"]["items"]
    assert again["seen_at"] == seen["seen_at"]
    assert again["digest"] == seen["digest"]
    data, console = ["ingest", "validate", "prepare"], Console(file=io.StringIO())
    run_partitions(shop, [partition], data, Budget(), console, renew=True)
    assert set(Lake("shop").read("features", ["2026-01-01"])["colour"]) == {"green", "blue"}
    with pytest.raises(UsageError, match="--renew is about the stage ingest"):
        run_partitions(shop, [partition], ["validate"], Budget(), console, renew=True)


def test_a_day_that_passed_is_not_stopped_by_being_read_again_for_its_labels(
    shop: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    through(shop, "2026-01-01")
    due = shop.calendar.parse("2026-01-01")
    monkeypatch.setattr("mlfactory.lake.owed.due_again", lambda product, partition: [due])
    before = read_manifest("shop", "validate", "2026-01-01")
    # meanwhile the source has as many rows, and most of them are bad
    (shop.folder / "orders.csv").write_text(orders().replace(",1\n", ",x\n"))
    done = read_due_again(shop, shop.calendar.parse("2026-01-02"))
    assert done["again"] == []
    assert "would break its contract, and is not landed" in done["failed"]["2026-01-01"]
    assert read_manifest("shop", "validate", "2026-01-01") == before
    assert standings(shop, ["2026-01-01"])["2026-01-01"].state == "accepted"
    assert through_prepare(shop, "2026-01-01").rows == 19
    # and where the data is as good as it was, it is read
    (shop.folder / "orders.csv").write_text(orders())
    assert read_due_again(shop, shop.calendar.parse("2026-01-02"))["again"] == ["2026-01-01"]
    assert read_manifest("shop", "validate", "2026-01-01")["id"] != before["id"]


def test_a_register_that_was_stopped_is_read_again(shop: Product) -> None:
    (shop.folder / "items.csv").write_text("item,colour\n" + "i1,red\n" * 9)
    with pytest.raises(ContractError, match="items: 8 of 9 rows"):
        through(shop, "2026-01-01")
    (shop.folder / "items.csv").write_text(ITEMS)
    assert through(shop, "2026-01-01").rows == 19


def test_a_partition_landed_late_has_the_register_of_its_time(shop: Product) -> None:
    through(shop, "2026-01-01")
    # as if it had been landed in time
    rows = Lake("shop").read("raw_items", ["2026-01-01"])
    at = pd.Timestamp("2026-01-02T00:05", tz="UTC")
    Lake("shop").replace("raw_items", rows.assign(_seen_at=at), "2026-01-01")
    (shop.folder / "items.csv").write_text(ITEMS.replace("red", "green"))
    through(shop, "2026-01-02")
    assert set(Lake("shop").read("features", ["2026-01-02"])["colour"]) == {"red", "blue"}
    kept = read_manifest("shop", "ingest", "2026-01-02")["facts"]["sources"]["items"]
    assert kept["kept_from"] == "2026-01-01"


def test_a_wide_register_is_kept_as_it_was_seen_as_well(shop: Product) -> None:
    # of columns behind the first 32 the log of a table tells nothing
    more = ",".join(f"c{number}" for number in range(40))
    wide = [
        f"{line},{more if not place else '1,' * 39 + '1'}"
        for place, line in enumerate(ITEMS.splitlines())
    ]
    (shop.folder / "items.csv").write_text("\n".join(wide) + "\n")
    through(shop, "2026-01-01")
    rows = Lake("shop").read("raw_items", ["2026-01-01"])
    seen = rows.pop("_seen_at").clip(upper=pd.Timestamp("2026-01-02T00:05", tz="UTC"))
    # made by another writer, which put the column last
    product_store("shop").delete_all("raw_items")
    Lake("shop").replace("raw_items", rows.assign(_seen_at=seen), "2026-01-01")
    (shop.folder / "items.csv").write_text("\n".join(wide).replace("red", "green") + "\n")
    through(shop, "2026-01-02")
    assert set(Lake("shop").read("features", ["2026-01-02"])["colour"]) == {"red", "blue"}


def test_ingest_tells_what_it_has_read(shop: Product) -> None:
    through(shop, "2026-01-01")
    facts = read_manifest("shop", "ingest", "2026-01-01")["facts"]["sources"]
    text = (shop.folder / "orders.csv").read_bytes()
    assert facts["orders"]["digest"] == hashlib.sha256(text).hexdigest()
    assert facts["orders"]["digest_of"] == "content"
    assert facts["orders"]["bytes"] == len(text)
    assert facts["orders"]["path"] == str(shop.folder / "orders.csv")
    assert facts["orders"]["rows_seen"] == 80


def test_reading_again_for_labels_never_loses_rows(shop: Product) -> None:
    through(shop, "2026-01-01")
    before = state(shop)
    (shop.folder / "orders.csv").write_text("id,at,item,price,bad\n1-1,2026-01-01,i1,1,0\n")
    with pytest.raises(ContractError, match="its source has 1 of the 20 rows that it had"):
        ingest.run(shop, shop.calendar.parse("2026-01-01"), again=lambda rows: None)
    assert_same(state(shop), before)
    assert prepare.run(shop, shop.calendar.parse("2026-01-01")).rows == 19
