"""Bakeries with orders of some days, and the files a new user would want predicted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlfactory.product.loader import Product

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")

SPEC = """
apiVersion: mlfactory/v1
name: bakery
partition: {every: day, start: 2026-01-01}
sources:
  orders:
    {kind: csv, path: orders.csv, event_time: at, key: [id], delimiter: ";"}
  customers: {kind: csv, path: customers.csv, key: [customer]}
expect:
  quarantine_budget: 10%
  orders:
    - {type: expect_column_values_to_be_between, column: amount, max_value: 5000}
    - {type: expect_column_values_to_be_unique, column: id}
    - {type: expect_column_values_to_be_in_set, column: returned, value_set: ["Yes", "No"]}
    - {type: expect_table_row_count_to_be_between, min_value: 100, severity: warning}
features:
  key: [KEY]
  event_time: at
  numeric: [amount, rate_before, loyalty]
  categorical: [express]
  history: 1 day
label: {column: label, kind: binary}
train: {window: 2 partitions, holdout: 1 partition, min_rows: 50, candidates: [logistic_regression],
  search: {trials: 1}}
promote: {gates: []}
"""

FEATURES = """
import pandas as pd


def build(sources):
    orders = sources["orders"].merge(sources["customers"], on="customer", how="left")
    orders = orders[orders["amount"] < 900].copy()
    known = orders["returned"].notna()
    orders["label"] = (orders["returned"] == "Yes").astype(float).where(known)
    day = orders["at"].dt.floor("D")
    rates = orders["label"].groupby(day).mean()
    orders["rate_before"] = (day - pd.Timedelta(days=1)).map(rates).astype(float)
    return orders
"""

DERIVED = FEATURES.replace(
    "    return orders\n",
    '    orders["event"] = "E" + orders["id"].astype(str)\n'
    '    return orders.sort_values("id", ascending=False).drop(columns="id")\n',
)


def orders(days: int = 3, rows: int = 480) -> pd.DataFrame:
    """Return orders whose amount decides whether they come back, mostly."""
    random = np.random.default_rng(3)
    count = days * rows
    amount = random.integers(1, 400, count)
    comes_back = random.random(count) < np.where(amount > 200, 0.9, 0.1)
    start = pd.Timestamp(DAYS[0], tz="UTC")
    minutes = np.arange(count) * (days * 24 * 60 // count)
    return pd.DataFrame(
        {
            "id": np.arange(1, count + 1),
            "at": (start + pd.to_timedelta(minutes, "min")).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "customer": [f"c{number}" for number in random.integers(0, 20, count)],
            "amount": amount,
            "express": random.choice(["Yes", "No"], count),
            "note": "none",
            "returned": np.where(comes_back, "Yes", "No"),
        }
    )


CUSTOMERS = "customer,loyalty\n" + "".join(f"c{i},{i % 4}\n" for i in range(20))


def make_bakery(make_product: Callable[..., Product], *, key: str = "id") -> Product:
    """Write the product; with the key `event`, build makes the key and turns the rows round."""
    return make_product(
        SPEC.replace("KEY", key),
        FEATURES if key == "id" else DERIVED,
        {"orders.csv": orders().to_csv(index=False, sep=";"), "customers.csv": CUSTOMERS},
    )
