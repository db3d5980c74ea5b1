"""What was read of files goes when nobody can need it, and not before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from mlfactory import ingest
from mlfactory.lake.removal import remove_source
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product
from mlfactory.upkeep.received import keep_received

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources:
  orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}
features: {key: [id], event_time: at, numeric: [price]}
label: {column: bad, kind: binary}
"""
LATER = timedelta(days=2)


@pytest.fixture
def shop(make_product: Callable[..., Product], home: object) -> Product:
    made = make_product(SPEC, files={"orders.csv": "id,at,price\n1,2026-01-01,5\n"})
    ingest.run(made, made.calendar.parse("2026-01-01"))
    return made


def kept(after: timedelta, *, dry_run: bool = False) -> list[str]:
    return list(keep_received("shop", datetime.now(UTC) + after, dry_run=dry_run))


def test_what_is_of_a_file_of_today_stays(shop: Product) -> None:
    assert kept(LATER) == []
    assert len(product_store("shop").list("received")) == 2


def test_what_was_read_of_a_file_that_was_replaced_since_goes(shop: Product) -> None:
    (shop.folder / "orders.csv").write_text("id,at,price\n2,2026-01-01,5\n")
    ingest.run(shop, shop.calendar.parse("2026-01-01"))
    store = product_store("shop")
    assert len(store.list("received")) == 4
    assert kept(timedelta(hours=1)) == []
    (told,) = kept(LATER, dry_run=True)
    assert told.endswith("orders.csv: it was read anew since")
    assert len(store.list("received")) == 4
    assert kept(LATER) == [told]
    assert len(store.list("received")) == 2
    assert ingest.run(shop, shop.calendar.parse("2026-01-01")).rows == {"orders": 1}


def test_what_was_read_long_ago_goes(shop: Product) -> None:
    (told,) = kept(timedelta(days=31))
    assert told.endswith("that is 31 days ago")
    assert product_store("shop").list("received") == []


def test_what_who_was_killed_left_goes(shop: Product) -> None:
    store = product_store("shop")
    (index,) = [name for name in store.list("received") if name.endswith(".json")]
    store.write(index.replace("index.json", "20260101T000000-ab-00000.arrow"), b"rows")
    store.write("received/orders/cut/20260101T000000-ab-00000.arrow", b"rows")
    told = kept(timedelta())
    assert sorted(each.rpartition(" ")[2] for each in told) == ["ended", "left"]
    assert len(store.list("received")) == 2


def test_a_source_that_starts_over_has_nothing_read(shop: Product) -> None:
    remove_source("shop", "orders")
    assert product_store("shop").list("received") == []
