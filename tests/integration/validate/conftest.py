"""A shop whose orders are landed, some lines changed, and judged by the rules of a test."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd
import pytest
from tests.integration.validate.cleaned_shop import FEATURES, KEY, STEPS, TRIPS, Shop
from tests.integration.validate.cleaned_shop import SPEC as CLEANED

from mlfactory import ingest, validate
from mlfactory.lake.catalog import validation_page
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: day, start: 2026-01-01}}
sources:
  orders: {{kind: csv, path: orders.csv, event_time: at, key: [id]}}
  visits: {{kind: csv, path: visits.csv, event_time: at}}
expect:
  quarantine_budget: {budget}%
  orders: [{rules}]
features: {{key: [id], event_time: at, numeric: [price]}}
label: {{column: bad, kind: binary}}
"""
IN_SET = "{type: expect_column_values_to_be_in_set, column: colour, value_set: [red, blue]}"
BETWEEN = "{type: expect_column_values_to_be_between, column: price, min_value: 0}"
ROWS = [f"{i},2026-01-01T10:00:00Z,{'red' if i % 2 else 'blue'},{i},{i + 1}" for i in range(50)]
VISITS = "at,pages\n" + "".join(f"2026-01-0{day}T10:00:00Z,{day}\n" for day in (1, 2))

Judged = Callable[..., validate.ValidateResult]
Change = dict[int, str]


@pytest.fixture
def judged(make_product: Callable[..., Product]) -> Judged:
    """Give a function that lands orders, some of their lines changed, and validates them."""

    def run(
        *rules: str,
        change: Change | None = None,
        more: tuple[str, ...] = (),
        budget: float = 10,
        key: str = "2026-01-01",
    ) -> validate.ValidateResult:
        rows = list(ROWS)
        for place, line in (change or {}).items():
            rows[place] = line
        text = "\n".join(["id,at,colour,price,paid", *rows, *more]) + "\n"
        spec = SPEC.format(budget=budget, rules=", ".join(rules))
        product = make_product(spec, files={"orders.csv": text, "visits.csv": VISITS})
        partition = product.calendar.parse(key)
        ingest.run(product, partition)
        return validate.run(product, partition)

    return run


@pytest.fixture
def shop(make_product: Callable[..., Product]) -> Shop:
    """Give a function that makes the product, lands its trips and validates them."""

    def make(*more: str, steps: str = STEPS, run: bool = True) -> Product:
        text = "\n".join(["id,at,city,price,miles", *TRIPS, *more]) + "\n"
        spec = CLEANED.replace("STEPS", steps)
        product = make_product(spec, FEATURES, files={"trips.csv": text})
        if run:
            ingest.run(product, product.calendar.parse(KEY))
            validate.run(product, product.calendar.parse(KEY))
        return product

    return make


def quarantine() -> pd.DataFrame:
    rows = Lake("shop").read("quarantine").sort_values(["partition", "source", "row"])
    return rows.reset_index(drop=True)


def reasons() -> dict[int, list[str]]:
    return {
        row: list(why)
        for row, why in zip(quarantine()["row"], quarantine()["reasons"], strict=True)
    }


def file(name: str) -> str:
    return product_store("shop").read(name).decode()


def html() -> list[str]:
    return [name for name in product_store("shop").list() if name.endswith(".html")]


def page() -> str:
    return file(validation_page("2026-01-01"))


def chips() -> list[str]:
    """Return the states that the page shows: the verdict, then that of each rule."""
    return re.findall(r'class="chip[^>]*>\s*([\w ]+?)\s*<', page())


def verdict() -> str:
    """Return the verdict that the page shows."""
    return chips()[0]
