"""Whose event is whose: the given rows and the lake beside them, without a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlfactory import ingest
from mlfactory.ingest.given import read_given
from mlfactory.lake.manifests import manifest, read_manifest
from mlfactory.predict.asked import ALIKE, OF_THE_LAKE, Asked, Events
from mlfactory.product.errors import BuildError
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {partition}
sources: {{orders: {{kind: csv, path: orders.csv{source}}}}}
features: {{key: [{key}], numeric: [price]{features}}}
label: {{column: bad, kind: binary}}
"""
TIMED = {
    "partition": "{every: day, start: 2026-01-01}",
    "source": ", event_time: at",
    "features": ", event_time: at",
}
SNAPSHOT = {"partition": "{every: snapshot}", "features": ""}

BUILD = """
def build(sources):
    orders = sources["orders"].copy()
    orders["bad"] = 0.0
    {work}
    return orders
"""

LAKE = "customer,at,price\nann,2026-01-01T08:00Z,1\nann,2026-01-01T09:00Z,2\n" + "".join(
    f"bob{number},2026-01-01T10:00Z,{number}\n" for number in range(10, 20)
)
GIVEN = "customer,at,price\nann,2026-01-01T09:00Z,50\n"

Ask = Callable[..., Events]


@pytest.fixture
def ask(home: Path, make_product: Callable[..., Product], tmp_path: Path) -> Ask:
    """Return a function that lands rows, and returns the events of rows that are given then."""

    def asked(given: str, work: str = "", **spec: str) -> Events:
        text = SPEC.format(**{**TIMED, **spec})
        shop = make_product(text, BUILD.format(work=work or "pass"), {"orders.csv": LAKE})
        key = "snapshot" if shop.calendar.is_snapshot else "2026-01-01"
        ingest.run(shop, shop.calendar.parse(key))
        with manifest(shop, "validate", key) as record:
            # what Great Expectations leaves of rows that are all well
            record.has_read(read_manifest("shop", "ingest", key))
            record.counts = {"rows.orders": LAKE.count("\n") - 1}
            record.facts = {"verdict": "pass"}
        file = tmp_path / "given.csv"
        file.write_text(given)
        rows = read_given(shop, "orders", file)
        return Asked(shop, "orders", rows, list(rows.rows.index)).events()

    return asked


def prices(found: Events) -> list[list[float]]:
    features = found.built.features["price"]
    return [[float(features.iloc[place]) for place in places] for places in found.places]


@pytest.mark.parametrize("first", ["True", "False"])
def test_a_given_row_stands_instead_of_the_lakes_row_of_the_same_event(
    ask: Ask, first: str
) -> None:
    work = f"orders = orders.sort_values('price', ascending={first})"
    assert prices(ask(GIVEN, work, key="customer, at")) == [[50.0]]


def test_it_does_so_where_build_keeps_one_row_of_an_event(ask: Ask) -> None:
    work = "orders = orders.drop_duplicates(['customer', 'at'], keep='first')"
    assert prices(ask(GIVEN, work, key="customer, at")) == [[50.0]]


def test_it_does_so_where_build_makes_up_the_key(ask: Ask) -> None:
    work = "orders['event'] = orders.pop('customer') + orders['at'].astype(str)"
    assert prices(ask(GIVEN, work, key="event")) == [[50.0]]


def test_it_does_so_where_the_sources_key_is_another(ask: Ask) -> None:
    source = ", event_time: at, key: [customer, at, price]"
    assert prices(ask(GIVEN, key="customer, at", source=source)) == [[50.0]]


def test_a_number_of_the_row_as_key_is_no_answer_from_the_lake(ask: Ask) -> None:
    """The only row given would be number 0, which in the lake is another."""
    for source in ("", ", key: [customer, at]"):
        with pytest.raises(BuildError, match="which row of the file an event comes from"):
            ask(GIVEN, "orders['n'] = range(len(orders))", **SNAPSHOT, key="n", source=source)


def test_an_event_of_a_customers_orders_is_of_the_given_and_the_known_ones(ask: Ask) -> None:
    work = (
        "orders = orders.groupby(['customer'], as_index=False).agg({'price': 'sum', 'bad': 'max'})"
    )
    found = ask(
        GIVEN.replace("09:00", "11:00"),
        work,
        **SNAPSHOT,
        key="customer",
        source=", key: [at, customer]",
    )
    assert prices(found) == [[53.0]]


def test_rows_of_one_key_whose_events_are_several_are_nobodys(ask: Ask) -> None:
    found = ask(GIVEN + "ann,2026-01-01T09:00Z,60\neve,2026-01-01T09:00Z,70\n", key="customer, at")
    assert prices(found) == [[], [], [70.0]]
    assert found.reasons == dict.fromkeys((0, 1), ALIKE.format(key="key ['customer', 'at']"))


def test_an_event_that_cannot_be_told_from_the_lakes_is_refused(ask: Ask) -> None:
    """Build looks up what it must not: the lake's event comes back whatever rows it is given."""
    work = "\n    ".join(
        (
            "import pandas as pd",
            "orders['event'] = orders.pop('customer') + orders['at'].astype(str)",
            "if len(orders) > 8: orders = pd.concat([orders, orders.tail(1).assign(event='annX')])",
            "orders.loc[orders['price'] == 50, 'event'] = 'annX'",
        )
    )
    found = ask(GIVEN, work, key="event")
    assert found.reasons == {0: OF_THE_LAKE.format(key="key ['event']")}
