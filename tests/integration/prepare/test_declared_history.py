"""Declared history is the same in a partition, in shards and in a question, and looks not ahead."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.prepare.conftest import ITEMS, SPEC, orders, through

from mlfactory.ingest.given import read_given
from mlfactory.lake.tables import Lake
from mlfactory.predict.asked import Asked
from mlfactory.prepare import look_ahead
from mlfactory.product.loader import Product

pytestmark = pytest.mark.usefixtures("home")

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")
MADE = ("bad_rate_2d", "bad_rate_3d", "paid_2d", "paid_3d", "colours", "price_before")
DECLARED = """
  history: 3 days
  joined:
    - {source: orders, by: item, make: {price_before: price}, known_after: 1 minute}
  windows:
    - source: orders
      by: item
      over: [2 days, 3 days]
      known_after: WAIT
      make:
        bad_rate_{over}: {how: rate, of: bad, at_least: 1}
        paid_{over}: {how: sum, of: price}
    - {source: orders, by: item, over: 1 day, make: {colours: {how: distinct, of: price}}}
"""
BUILD = """
def build(sources):
    orders = sources["orders"].merge(sources["items"], on="item", how="left")
    # what is declared is made of the rows as they came, whatever a function does to its own
    sources["orders"]["price"] = -1.0
    return orders.sample(frac=1, random_state=1)
"""


def shop(make: Callable[..., Product], name: str, shards: int = 1, wait: str = "1 day") -> Product:
    cut = f"start: 2026-01-01, shards: {shards}, by: item" if shards > 1 else "start: 2026-01-01"
    spec = SPEC.replace("name: shop", f"name: {name}").replace("start: 2026-01-01", cut)
    spec = spec.replace("[price, seen_before]", f"[price, {', '.join(MADE)}]")
    spec = spec.replace("\n  history: 1 day\n", DECLARED.replace("WAIT", wait))
    # a sum of these depends on the order in which they are added
    text = orders().replace(",3,", ",0.1,").replace(",4,", ",1e15,").replace(",9,", ",0.3,")
    return make(spec, BUILD, {"orders.csv": text, "items.csv": ITEMS})


def prepared(product: Product) -> pd.DataFrame:
    for key in DAYS:
        through(product, key)
    rows = Lake(product.name).read("features").drop(columns="_run")
    return rows.sort_values(["partition", "id"], ignore_index=True)


def expected(text: str) -> pd.DataFrame:
    """Return what each good order should have, found one by one."""
    rows = pd.read_csv(io.StringIO(text), parse_dates=["at"])
    rows = rows[rows["price"] >= 0]
    found = {}
    for _, event in rows.iterrows():
        # the history begins with a day, wherever the event lies in its own
        age = event["at"] - rows["at"][rows["item"] == event["item"]]
        known = rows.loc[age.index][age > pd.Timedelta("1D")]
        two, three = (known[age[known.index] <= pd.Timedelta(days=days)] for days in (2, 3))
        lately = rows.loc[age[(age > pd.Timedelta(0)) & (age <= pd.Timedelta("1D"))].index]
        before = rows.loc[age[(age >= pd.Timedelta("1min")) & (age <= pd.Timedelta("3D"))].index]
        found[event["id"]] = {
            "bad_rate_2d": two["bad"].mean(),
            "bad_rate_3d": three["bad"].mean(),
            "paid_2d": two["price"].sum(),
            "paid_3d": three["price"].sum(),
            "colours": lately["price"].nunique(),
            "price_before": before.sort_values("at")["price"].iloc[-1] if len(before) else None,
        }
    return pd.DataFrame.from_dict(found, orient="index", dtype="float64")


def test_partitions_shards_and_questions_have_the_same_values(
    make_product: Callable[..., Product], tmp_path: Path
) -> None:
    product = shop(make_product, "shop")
    whole = prepared(product)
    in_shards = prepared(shop(make_product, "shop_4", shards=4))
    pd.testing.assert_frame_equal(in_shards, whole, check_exact=True)

    values = whole.set_index("id")[list(MADE)]
    text = (product.folder / "orders.csv").read_text()
    pd.testing.assert_frame_equal(
        values, expected(text).loc[values.index, list(MADE)], check_names=False, rtol=1e-15
    )
    assert (values.notna().sum() > 20).all()

    lines = text.splitlines()
    last = [line for line in lines if line.startswith("4-") and ",-1," not in line]
    # the last day is asked for, without its outcome, in another order
    asked_for = "\n".join([lines[0], *reversed(last)]) + "\n"
    file = tmp_path / "new.csv"
    pd.read_csv(io.StringIO(asked_for)).drop(columns="bad").to_csv(file, index=False)
    given = read_given(product, "orders", file)
    built = Asked(product, "orders", given, range(len(last))).events().built
    asked = built.features.set_axis(built.events["id"], axis="index")[list(MADE)]
    pd.testing.assert_frame_equal(
        asked.sort_index(),
        values.loc[asked.index].sort_index(),
        check_exact=True,
        check_names=False,
    )


def test_what_is_known_by_then_looks_not_ahead_and_what_is_not_does(
    make_product: Callable[..., Product],
) -> None:
    peeks = {}
    for name, wait in (("honest", "1 day"), ("early", "0 days")):
        product = shop(make_product, name, wait=wait)
        prepared(product)
        looked = look_ahead(product, product.calendar.parse(DAYS[-1]))
        assert looked.found.events > 0
        peeks[name] = {peek.feature for peek in looked.found.peeks}
    assert peeks == {"honest": set(), "early": {"bad_rate_2d", "bad_rate_3d"}}
