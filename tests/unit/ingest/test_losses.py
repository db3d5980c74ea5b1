"""What is read again for its labels loses neither rows nor labels that were known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlfactory import ingest
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources:
  orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}
  items: {kind: csv, path: items.csv, key: [id]}
  returns: {kind: csv, path: returns.csv, key: [id]}
features: {key: [id], event_time: at, numeric: [price]}
label: {column: bad, kind: binary, arrives_after: 12 hours, registers: [returns]}
"""
ORDERS = "id,at,price\n" + "".join(f"{d},2026-01-0{d}T01:00Z,1\n" for d in (1, 2, 3))

pytestmark = pytest.mark.usefixtures("home")


def ids(rows: int) -> str:
    return "id,returned_at\n" + "".join(f"{row},2026-01-02\n" for row in range(rows))


@pytest.fixture
def make(make_product: Callable[..., Product]) -> Callable[..., Product]:
    """Give a function that makes a product whose two registers have six rows."""
    return lambda spec=SPEC, name="returns.csv": make_product(
        spec, files={"orders.csv": ORDERS, "items.csv": ids(6), name: ids(6)}
    )


def land(product: Product, key: str, *, again: bool = False) -> None:
    judge = (lambda rows: None) if again else None
    ingest.run(product, product.calendar.parse(key), again=judge)


def returns(product: Product, key: str = "2026-01-01") -> int:
    return len(Lake(product.name).read("raw_returns", [key]))


def test_a_label_register_delivered_short_is_refused_and_read_when_it_is_whole(
    make: Callable[..., Product],
) -> None:
    shop = make()
    land(shop, "2026-01-01")
    (shop.folder / "returns.csv").write_text(ids(2))
    with pytest.raises(ContractError, match=r"(?s)2 of the 6 rows that it had.*--renew"):
        land(shop, "2026-01-01", again=True)
    assert returns(shop) == 6
    (shop.folder / "returns.csv").write_text(ids(9))
    land(shop, "2026-01-01", again=True)
    assert returns(shop) == 9


def test_a_label_register_is_held_to_what_the_newest_partition_landed_of_it(
    make: Callable[..., Product],
) -> None:
    shop = make()
    land(shop, "2026-01-01")
    (shop.folder / "returns.csv").write_text(ids(20))
    # read now, as if each had been landed in its time
    ingest.run(shop, shop.calendar.parse("2026-01-03"), renew=True)
    (shop.folder / "returns.csv").write_text(ids(10))
    with pytest.raises(ContractError, match=r"10 of the 20 rows .* when 2026-01-03 was landed"):
        land(shop, "2026-01-01", again=True)
    assert returns(shop) == 6


def test_a_label_register_of_the_partitions_own_is_held_to_no_other_partitions(
    make: Callable[..., Product],
) -> None:
    spec = SPEC.replace("path: returns.csv", 'path: "returns-{partition}.csv"')
    shop = make(spec, "returns-2026-01-01.csv")
    (shop.folder / "returns-2026-01-02.csv").write_text(ids(20))
    land(shop, "2026-01-01")
    land(shop, "2026-01-02")
    land(shop, "2026-01-01", again=True)
    assert returns(shop) == 6


def test_another_register_may_have_become_shorter(make: Callable[..., Product]) -> None:
    shop = make()
    land(shop, "2026-01-01")
    (shop.folder / "items.csv").write_text(ids(2))
    land(shop, "2026-01-01", again=True)
    assert len(Lake("shop").read("raw_items", ["2026-01-01"])) == 6
