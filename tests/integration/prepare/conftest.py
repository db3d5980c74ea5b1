"""A shop with orders, and items as a register: what its days are prepared from."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from mlfactory import ingest, prepare, validate
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources:
  orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}
  items: {kind: csv, path: items.csv, key: [item]}
expect:
  quarantine_budget: 10%
  orders:
    - {type: expect_column_values_to_be_between, column: price, min_value: 0}
features:
  key: [id]
  event_time: at
  numeric: [price, seen_before]
  categorical: [colour]
  history: 1 day
label: {column: bad, kind: binary, arrives_after: 1 day}
"""
FEATURES = """
def build(sources):
    orders = sources["orders"].merge(sources["items"], on="item", how="left")
    orders["seen_before"] = orders.groupby("item").cumcount()
    return orders
"""

RUNS = ["_landing", "_run", "_seen_at", "landing"]
TABLES = ("raw_orders", "raw_items", "quarantine", "features", "labels")


class Killed(Exception):
    """Stands for the end of a process."""


def orders(days: int = 4) -> str:
    rows = [
        f"{day}-{i},2026-01-0{day}T{i % 24:02}:00:00Z,i{i % 5},{-1 if i == 7 else i},{i % 2}"
        for day in range(1, days + 1)
        for i in range(20)
    ]
    return "\n".join(["id,at,item,price,bad", *rows]) + "\n"


ITEMS = "item,colour\n" + "".join(f"i{i},{'red' if i else 'blue'}\n" for i in range(5))


@pytest.fixture
def shop(make_product: Callable[..., Product]) -> Product:
    return make_product(SPEC, FEATURES, {"orders.csv": orders(), "items.csv": ITEMS})


def through(product: Product, key: str) -> prepare.PrepareResult:
    partition = product.calendar.parse(key)
    ingest.run(product, partition)
    validate.run(product, partition)
    return prepare.run(product, partition)


def through_prepare(product: Product, key: str) -> prepare.PrepareResult:
    return prepare.run(product, product.calendar.parse(key))


def state(product: Product) -> dict[str, pd.DataFrame]:
    """Return every row of every table, but for what tells one run from another."""
    lake = Lake(product.name)
    return {table: lake.read(table).drop(columns=RUNS, errors="ignore") for table in TABLES}


def assert_same(left: dict[str, pd.DataFrame], right: dict[str, pd.DataFrame]) -> None:
    for table in TABLES:
        pd.testing.assert_frame_equal(left[table], right[table])
