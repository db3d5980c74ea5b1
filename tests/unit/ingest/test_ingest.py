from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlfactory import ingest
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, ServiceError
from mlfactory.product.loader import Product
from mlfactory.reconcile.gaps import DATA, REPLACED
from mlfactory.reconcile.lacking import lacking

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources:
  orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}
  prices: {kind: csv, path: prices.csv, key: [item]}
features: {key: [id], event_time: at, numeric: [price]}
label: {column: bad, kind: binary}
"""
ORDERS = "id,at,item,amount\n" + "".join(
    f"{i},2026-01-0{1 + i % 2}T10:00:00Z,i{i},{i}.5\n" for i in range(80)
)
PRICES = "item,price\n" + "".join(f"i{i},{i}\n" for i in range(80))

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def shop(make_product: Callable[..., Product]) -> Product:
    return make_product(SPEC, files={"orders.csv": ORDERS, "prices.csv": PRICES})


def land(product: Product, key: str = "2026-01-01") -> ingest.IngestResult:
    return ingest.run(product, product.calendar.parse(key))


def raw(product: Product, source: str, key: str = "2026-01-01") -> pd.DataFrame:
    return Lake(product.name).read(f"raw_{source}", [key])


def test_each_source_lands_with_its_types_and_row_numbers(shop: Product) -> None:
    result = land(shop)
    assert result == ingest.IngestResult(
        rows={"orders": 40, "prices": 80},
        rescued={"orders": 0, "prices": 0},
        versions=Lake("shop").versions("raw_orders", "raw_prices"),
        state="ok",
    )
    orders = raw(shop, "orders")
    assert orders["_row"].tolist() == list(range(40))
    assert orders["_rescued"].isna().all()
    assert {name: str(kind) for name, kind in orders.dtypes.items()} == {
        "id": "int64",
        "at": "datetime64[us, UTC]",
        "item": "str",
        "amount": "float64",
        "_rescued": "str",
        "_row": "int64",
        "_landing": "str",
        "partition": "str",
    }
    assert read_manifest("shop", "ingest", "2026-01-01")["counts"] == result.rows


def test_the_same_partition_twice_gives_the_same_rows(shop: Product) -> None:
    land(shop)
    land(shop, "2026-01-02")
    before = raw(shop, "orders")
    land(shop)
    again = raw(shop, "orders")
    pd.testing.assert_frame_equal(again.drop(columns="_landing"), before.drop(columns="_landing"))
    assert len(raw(shop, "orders", "2026-01-02")) == 40


def test_a_partition_without_rows_is_a_state_and_empties_what_was_there(shop: Product) -> None:
    assert land(shop, "2026-03-01").state == "no_data"
    land(shop)
    (shop.folder / "orders.csv").write_text("id,at,item,amount\n1,2026-01-02,i1,1\n")
    assert land(shop).state == "no_data"
    assert raw(shop, "orders").empty


def test_a_cell_of_the_wrong_type_is_kept_as_text_beside_its_null(shop: Product) -> None:
    land(shop)
    text = ORDERS.replace("\n0,2026-01-01T10:00:00Z,i0,0.5", "\n0,2026-01-01T10:00:00Z,i0,zero")
    (shop.folder / "orders.csv").write_text(text)
    assert land(shop).rescued["orders"] == 1
    first = raw(shop, "orders").iloc[0]
    assert pd.isna(first["amount"])
    assert first["_rescued"] == '{"amount": "zero"}'


def test_a_wrong_cell_in_the_first_partition_does_not_spoil_its_column(shop: Product) -> None:
    (shop.folder / "orders.csv").write_text(ORDERS.replace(",0.5\n", ",zero\n"))
    assert land(shop).rescued["orders"] == 1
    assert raw(shop, "orders")["amount"].dtype == "float64"


def test_types_stay_as_they_were_landed_first(shop: Product) -> None:
    land(shop)
    (shop.folder / "prices.csv").write_text("item,price\n7,1\n")
    land(shop, "2026-01-02")
    assert raw(shop, "prices", "2026-01-02")["item"].tolist() == ["7"]


def test_a_new_column_is_landed_and_null_in_older_partitions(shop: Product) -> None:
    land(shop)
    (shop.folder / "prices.csv").write_text("item,price,colour\ni1,1,red\n")
    land(shop, "2026-01-02")
    assert raw(shop, "prices", "2026-01-02")["colour"].tolist() == ["red"]
    assert raw(shop, "prices")["colour"].isna().all()


def test_declared_types_are_used_and_cannot_change_later(
    make_product: Callable[..., Product], home: Path
) -> None:
    declared = SPEC.replace("key: [item]", "key: [item], types: {price: float}")
    files = {"orders.csv": ORDERS, "prices.csv": PRICES}
    product = make_product(declared, files=files)
    land(product)
    assert raw(product, "prices")["price"].dtype == "float64"
    changed = make_product(declared.replace("price: float", "price: string"), files=files)
    with pytest.raises(
        ContractError, match="'price' is string, and the lake holds it as float"
    ) as caught:
        land(changed)
    assert "or let the source start over: mlfactory reset shop --source prices" in str(caught.value)


def test_nothing_is_written_if_one_of_the_sources_is_broken(shop: Product, home: Path) -> None:
    (shop.folder / "prices.csv").write_text("")
    with pytest.raises(ContractError, match=r"prices\.csv is empty"):
        land(shop)
    # what was read of the others is kept, and is nothing that was landed
    assert {file.parent.parent.name for file in home.rglob("*.*")} <= {"flights", "orders"}
    assert {file.parts[-4] for file in home.rglob("*.*")} <= {"received"}


def test_a_landing_that_another_one_overtook_says_so_and_vouches_for_nothing(
    shop: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    overtaking: list[ingest.IngestResult] = []
    replace = Lake.replace

    def overtaken(lake: Lake, *args: Any) -> int:
        version = replace(lake, *args)
        monkeypatch.setattr(Lake, "replace", replace)
        overtaking.append(land(shop))
        return version

    monkeypatch.setattr(Lake, "replace", overtaken)
    with pytest.raises(ServiceError, match="raw_orders were replaced by another run of ingest"):
        land(shop)
    landing = read_manifest("shop", "ingest", "2026-01-01")["id"]
    assert set(raw(shop, "orders")["_landing"]) == {landing}
    # of the second source it is the other way about, which whoever comes next mends
    assert set(raw(shop, "prices")["_landing"]) != {landing}
    later = datetime.now(UTC) + timedelta(hours=1)
    gap = next(gap for gap in lacking(shop, later) if gap.key == "2026-01-01")
    assert (gap.kind, gap.part, gap.landed) == (REPLACED, DATA, False)
    assert gap.can_be_mended
    assert land(shop).rows == overtaking[0].rows
    assert not [gap for gap in lacking(shop, later) if gap.kind == REPLACED]


def test_rows_without_a_time_are_rows_of_the_partition_and_warned_of(
    shop: Product, caplog: pytest.LogCaptureFixture
) -> None:
    (shop.folder / "orders.csv").write_text(ORDERS + "99,soon,i1,5\n")
    with caplog.at_level(logging.WARNING):
        assert land(shop, "2026-01-02").rows["orders"] == 41
    assert "the at of 1 rows cannot be read; the first is 'soon'" in caplog.text
    assert raw(shop, "orders", "2026-01-02")["_rescued"].iloc[-1] == '{"at": "soon"}'


@pytest.mark.parametrize("nothing", ["", "NA"])
def test_a_column_gets_its_type_with_its_first_value(shop: Product, nothing: str) -> None:
    def put(price: str) -> None:
        (shop.folder / "prices.csv").write_text(f"item,price\ni1,{price}\ni2,{price}\n")

    put(nothing)
    land(shop)
    put("1.5")
    land(shop, "2026-01-02")
    assert raw(shop, "prices", "2026-01-02")["price"].tolist() == [1.5, 1.5]
    # a register is kept as it was seen, and its empty column with it
    land(shop)
    assert raw(shop, "prices")["price"].isna().tolist() == [True, True]


def test_a_column_without_a_value_yet_must_still_be_there(shop: Product) -> None:
    (shop.folder / "prices.csv").write_text("item,price,colour\ni1,1,\n")
    land(shop)
    (shop.folder / "prices.csv").write_text("item,price\ni1,1\n")
    with pytest.raises(ContractError, match="lacks the column 'colour'"):
        land(shop, "2026-01-02")


def test_a_code_is_not_read_as_the_number_that_names_another_row(shop: Product) -> None:
    def put(item: str) -> None:
        (shop.folder / "prices.csv").write_text(f"item,price\n17,10\n{item},11\n")

    put("18")
    land(shop)
    put("0017")
    land(shop, "2026-01-02")
    second = raw(shop, "prices", "2026-01-02").iloc[1]
    assert pd.isna(second["item"])
    assert second["_rescued"] == '{"item": "0017"}'
    # in a column that names nothing, as months, it is the number
    (shop.folder / "prices.csv").write_text("item,price\n17,03\n")
    assert land(shop, "2026-01-03").rescued["prices"] == 0
