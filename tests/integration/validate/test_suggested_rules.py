"""Drafted rules: each rests on what is there, the data they were drafted from keeps all of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from mlfactory import ingest, validate
from mlfactory.cli.profile import FILE, write_profile
from mlfactory.lake.manifests import read_manifest
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.validate.suggest import suggest

pytestmark = pytest.mark.usefixtures("home")

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources:
  orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}
features: {key: [id], event_time: at, numeric: [amount]}
label: {column: bad, kind: binary}
"""
DAYS = ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")


def row(number: int, day: int) -> str:
    colour = ("red", "green", "blue")[number % 3]
    seen = "late" if day == 4 and number % 3 == 0 else "early"
    size = "" if number % 10 == 0 else f"{number % 7 - 2}.5"
    return f"{day}-{number},2026-01-0{day}T10:00:00Z,{colour},{seen},{size},{number % 50},EUR,7,\n"


ORDERS = "id,at,colour,seen,size,amount,currency,constant,empty\n" + "".join(
    row(number, day) for day in (1, 2, 3, 4) for number in range(100)
)


@pytest.fixture
def shop(make_product: Callable[..., Product]) -> Product:
    product = make_product(SPEC, files={"orders.csv": ORDERS})
    for key in DAYS:
        ingest.run(product, product.calendar.parse(key))
    return product


def rules(product: Product, keys: tuple[str, ...] = DAYS) -> dict[tuple[str, str], dict[str, Any]]:
    found = suggest(product, "orders", keys)
    return {(each.rule["type"], each.rule.get("column", "")): dict(each.rule) for each in found}


def test_a_range_has_room_and_does_not_go_below_nothing(shop: Product) -> None:
    between = "expect_column_values_to_be_between"
    found = rules(shop)
    assert found[between, "amount"]["min_value"] == 0
    assert found[between, "amount"]["max_value"] == 54
    # from -2.5 to 4.5
    assert (found[between, "size"]["min_value"], found[between, "size"]["max_value"]) == (-3.2, 5.2)
    assert (between, "constant") not in found


def test_a_category_is_one_whose_values_were_there_from_the_start(shop: Product) -> None:
    found = rules(shop)
    in_set = "expect_column_values_to_be_in_set"
    assert found[in_set, "colour"]["value_set"] == ["blue", "green", "red"]
    assert (in_set, "seen") not in found
    assert (in_set, "seen") in rules(shop, DAYS[:3])


def test_missing_values_are_allowed_as_far_as_there_were_some(shop: Product) -> None:
    found = rules(shop)
    not_null = "expect_column_values_to_not_be_null"
    assert found[not_null, "size"] == {
        "type": not_null,
        "column": "size",
        "mostly": 0.84,
        "severity": "warning",
    }
    assert "mostly" not in found[not_null, "colour"]
    assert (not_null, "empty") not in found
    # key and event time are asked for a value anyway
    assert (not_null, "id") not in found and (not_null, "at") not in found


def test_what_the_spec_asks_already_is_not_suggested(
    shop: Product, make_product: Callable[..., Product]
) -> None:
    has = (
        SPEC + "expect:\n  orders:\n  - {type: expect_column_values_to_not_be_null, column: size}\n"
    )
    again = make_product(has, files={"orders.csv": ORDERS})
    assert set(rules(shop)) - set(rules(again)) == {("expect_column_values_to_not_be_null", "size")}


def test_the_data_they_were_drafted_from_keeps_all_of_them(
    shop: Product, make_product: Callable[..., Product]
) -> None:
    write_profile(shop, 6, None, Console(file=io.StringIO()))
    section = yaml.safe_load((shop.folder / FILE).read_text())
    with_rules = make_product(SPEC + yaml.safe_dump(section), files={"orders.csv": ORDERS})
    assert len(with_rules.spec.expect.sources["orders"]) == len(rules(shop)) > 8
    for key in DAYS:
        ingest.run(with_rules, with_rules.calendar.parse(key))
        validate.run(with_rules, with_rules.calendar.parse(key))
        told = read_manifest("shop", "validate", key)["facts"]
        assert (told["verdict"], told["passed"]) == ("pass", {"orders": True})


def test_each_rule_stands_below_its_evidence(shop: Product, tmp_path: Path) -> None:
    told = io.StringIO()
    write_profile(shop, 2, tmp_path / "rules.yaml", Console(file=told, width=300))
    lines = (tmp_path / "rules.yaml").read_text().splitlines()
    drafted = [place for place, line in enumerate(lines) if line.startswith("    - {")]
    assert drafted and all(lines[place - 1].startswith("    # ") for place in drafted)
    assert "    # 2 partitions, with 100 to 100 rows; half of the fewest to twice the most" in lines
    assert f"{len(drafted)} rules suggested" in told.getvalue()


def test_little_data_suggests_nothing_and_none_is_told(
    shop: Product, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = make_product(SPEC.replace("shop", "kiosk"), files={"orders.csv": ORDERS[:900]})
    with pytest.raises(UsageError, match="nothing has landed yet"):
        write_profile(few, 6, None, Console(file=io.StringIO()))
    ingest.run(few, few.calendar.parse(DAYS[0]))
    told = io.StringIO()
    write_profile(few, 6, None, Console(file=told))
    assert told.getvalue() == "kiosk: nothing to add to the rules that product.yaml has\n"


def test_a_value_writes_no_rule_of_its_own(make_product: Callable[..., Product]) -> None:
    rule = '"a\n    - {type: expect_column_values_to_be_null, column: amount}\n    #"'
    text = ORDERS.replace(",red,", f",{rule},").replace(",late,", ",1e308,")
    shop = make_product(SPEC, files={"orders.csv": text})
    for key in DAYS:
        ingest.run(shop, shop.calendar.parse(key))
    write_profile(shop, 6, None, Console(file=io.StringIO()))
    drafted = yaml.safe_load((shop.folder / FILE).read_text())["expect"]["orders"]
    assert {each["type"] for each in drafted} & {"expect_column_values_to_be_null"} == set()
