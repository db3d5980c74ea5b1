"""Rows are built from only where they are those that were judged."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from tests.integration.prepare.conftest import (
    FEATURES,
    Killed,
    orders,
    through,
    through_prepare,
)

from mlfactory import ingest, prepare, validate
from mlfactory.lake.catalog import manifest_file
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.rows import Standing, accepted_of
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import (
    IntegrityError,
    ServiceError,
    UsageError,
)
from mlfactory.product.loader import Product

pytestmark = pytest.mark.usefixtures("home")


def test_what_was_not_validated_since_it_was_landed_is_not_built(shop: Product) -> None:
    partition = shop.calendar.parse("2026-01-01")
    with pytest.raises(UsageError, match="not validated since it was last landed"):
        prepare.run(shop, partition)
    through(shop, "2026-01-01")
    ingest.run(shop, partition)
    with pytest.raises(UsageError, match="run the stage validate first"):
        prepare.run(shop, partition)


def test_rows_of_a_landing_that_was_not_validated_are_not_used(shop: Product) -> None:
    partition = shop.calendar.parse("2026-01-01")
    through(shop, "2026-01-01")
    (shop.folder / "orders.csv").write_text(orders().replace(",i1,", ",i1,-"))
    # killed after the write of its first table
    with pytest.MonkeyPatch.context() as patch:
        replace = Lake.replace

        def killed(self: Lake, table: str, *arguments: Any) -> int:
            if table == "raw_items":
                raise Killed
            return replace(self, table, *arguments)

        patch.setattr(Lake, "replace", killed)
        with pytest.raises(Killed):
            ingest.run(shop, partition)
    with pytest.raises(UsageError, match="not validated since it was last landed"):
        prepare.run(shop, partition)
    assert read_manifest("shop", "ingest", "2026-01-01") == {}


def test_a_table_removed_and_landed_anew_is_not_vouched_for(shop: Product) -> None:
    partition = shop.calendar.parse("2026-01-01")
    through(shop, "2026-01-01")
    version = Lake("shop").version("raw_orders")
    product_store("shop").delete_all("raw_orders")
    ingest.run(shop, partition)
    # its version is that of the table that was validated
    assert Lake("shop").version("raw_orders") == version
    with pytest.raises(UsageError, match="not validated since it was last landed"):
        prepare.run(shop, partition)


def test_rows_that_are_being_replaced_are_not_read(shop: Product) -> None:
    through(shop, "2026-01-01")
    rows = Lake("shop").read("raw_orders", ["2026-01-01"])
    Lake("shop").replace("raw_orders", rows.assign(_landing="another"), "2026-01-01")
    with pytest.raises(ServiceError, match="are being replaced by another run"):
        through_prepare(shop, "2026-01-01")


def test_a_raw_table_that_is_gone_is_no_day_without_events(shop: Product) -> None:
    through(shop, "2026-01-01")
    product_store("shop").delete_all("raw_orders")
    with pytest.raises(IntegrityError, match=r"20 rows were landed, and .*raw_orders holds 0") as e:
        through_prepare(shop, "2026-01-01")
    assert "mlfactory reset shop --source orders" in e.value.remedy
    with pytest.raises(IntegrityError, match="20 rows were landed"):
        validate.run(shop, shop.calendar.parse("2026-01-01"))


def test_raw_rows_that_are_gone_of_a_past_day_are_told_when_they_are_history(shop: Product) -> None:
    through(shop, "2026-01-01")
    through(shop, "2026-01-02")
    rows = Lake("shop").arrow("raw_orders", ["2026-01-01"])
    assert rows is not None
    Lake("shop").replace("raw_orders", rows.slice(0, 15), "2026-01-01")
    with pytest.raises(IntegrityError, match=r"2026-01-01: 20 rows were landed, and .* holds 15"):
        through_prepare(shop, "2026-01-02")


def test_a_quarantine_table_that_is_gone_lets_no_bad_row_through(shop: Product) -> None:
    through(shop, "2026-01-01")
    product_store("shop").delete_all("quarantine")
    with pytest.raises(IntegrityError, match="1 rows were put into quarantine") as caught:
        through_prepare(shop, "2026-01-01")
    assert "mlfactory run shop 2026-01-01 --stage validate" in caught.value.remedy
    validate.run(shop, shop.calendar.parse("2026-01-01"))
    assert through_prepare(shop, "2026-01-01").rows == 19


def test_rows_of_another_landing_are_a_run_at_work_and_not_a_loss(shop: Product) -> None:
    through(shop, "2026-01-01")
    # another run of ingest has removed its manifest, and emptied the partition
    product_store("shop").delete(manifest_file("ingest", "2026-01-01"))
    judged = Standing("2026-01-01", "accepted", read_manifest("shop", "validate", "2026-01-01"))
    Lake("shop").replace("raw_orders", pd.DataFrame(), "2026-01-01")
    with pytest.raises(ServiceError, match="is being replaced by another run of ingest"):
        accepted_of(shop, "orders", [judged])


def test_rows_come_to_build_in_the_order_of_their_file(shop: Product) -> None:
    lines = orders().splitlines()
    (shop.folder / "orders.csv").write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n")
    features = FEATURES.replace("return orders", "return orders.assign(price=range(len(orders)))")
    (shop.folder / "features.py").write_text(features)
    first = shop.calendar.parse("2026-01-01")
    ingest.run(shop, first)
    validate.run(shop, first)
    # a table may give its rows in any order
    rows = Lake("shop").read("raw_orders", ["2026-01-01"]).sample(frac=1, random_state=1)
    Lake("shop").replace("raw_orders", rows.reset_index(drop=True), "2026-01-01")
    prepare.run(shop, first)
    found = Lake("shop").read("features", ["2026-01-01"]).set_index("id")["price"]
    assert found["1-19"] == 0
    assert found["1-0"] == 18
