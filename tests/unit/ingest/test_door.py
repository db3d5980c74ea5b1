"""Personal data does not come in: hashed or dropped before anything is landed, logged or told."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from mlfactory import ingest, validate
from mlfactory.ingest.given import read_given
from mlfactory.ingest.readers.door import hashed
from mlfactory.lake.removal import remove_source
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, UsageError
from mlfactory.product.loader import Product
from mlfactory.settings import settings

KEY = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4
MAIL, NAME = "ada@example.com", "Ada Lovelace"

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: day, start: 2026-01-01}}
sources:
  orders:
    kind: {kind}
    path: orders.{kind}
    event_time: at
    key: [id]
    pii: {{email: hash, name: drop}}
  people: {{kind: {kind}, path: people.{kind}, key: [email], pii: {{email: hash}}}}
features: {{key: [id], event_time: at, numeric: [age]}}
label: {{column: bad, kind: binary}}
"""
ORDERS = "id,at,email,name,amount\n" + "".join(
    f"{number},2026-01-0{1 + number % 2}T10:00:00Z,{'' if number == 6 else MAIL},{NAME},{number}\n"
    for number in range(20)
)
PEOPLE = f"email,age\n{MAIL},36\n"


@pytest.fixture(autouse=True)
def key(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MLFACTORY_PII_KEY", KEY)
    settings.cache_clear()
    yield
    settings.cache_clear()


def take_key(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("MLFACTORY_PII_KEY", key)
    settings.cache_clear()


@pytest.fixture(params=["csv", "parquet"])
def shop(
    request: pytest.FixtureRequest, make_product: Callable[..., Product], tmp_path: Path
) -> Product:
    files = {"orders.csv": ORDERS, "people.csv": PEOPLE}
    found = make_product(SPEC.format(kind=request.param), files=files)
    for name, text in files.items():
        deliver(found, name.removesuffix(".csv"), text)
    return found


def deliver(product: Product, source: str, text: str) -> None:
    """Put rows where the source has them, as CSV and as Parquet."""
    file = product.folder / f"{source}.csv"
    file.write_text(text)
    frame = pd.read_csv(file)
    if "at" in frame:
        frame["at"] = pd.to_datetime(frame["at"])
    frame.to_parquet(file.with_suffix(".parquet"))


def land(product: Product, key: str = "2026-01-01") -> ingest.IngestResult:
    return ingest.run(product, product.calendar.parse(key))


def expected(text: str, key: str = KEY) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def files_with(folder: Path, *texts: str) -> list[str]:
    """Return the files below a folder in which one of the texts stands, packed or not."""
    found = []
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            if file.suffix == ".parquet":
                content += pd.read_parquet(file).to_csv().encode()
            found += [str(file) for text in texts if text.encode() in content]
    return found


def test_what_lands_is_hashed_or_not_there(shop: Product) -> None:
    land(shop)
    rows = Lake("shop").read("raw_orders", ["2026-01-01"])
    assert "name" not in rows
    assert rows.loc[rows["id"] != 6, "email"].unique().tolist() == [expected(MAIL)]
    assert rows.loc[rows["id"] == 6, "email"].isna().all()
    assert rows["amount"].tolist() == list(range(0, 20, 2))


def test_two_sources_can_still_be_joined(shop: Product) -> None:
    land(shop)
    lake = Lake("shop")
    both = lake.read("raw_orders").merge(lake.read("raw_people"), on="email")
    assert len(both) == 9 and both["age"].unique().tolist() == [36]


def test_no_file_of_the_lake_and_no_line_of_the_log_has_it(
    shop: Product, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # a repeated key brings a row into quarantine, with its record and onto the page
    deliver(shop, "orders", ORDERS + f"0,2026-01-01T10:00:00Z,{MAIL},{NAME},7\n")
    land(shop)
    with pytest.raises(ContractError, match="have the key"):
        validate.run(shop, shop.calendar.parse("2026-01-01"))
    assert files_with(home, expected(MAIL)), "files of the lake are looked into"
    assert files_with(home, MAIL, NAME) == []
    assert MAIL not in caplog.text and NAME not in caplog.text


def test_a_row_that_cannot_be_parsed_is_told_by_its_place_alone(
    make_product: Callable[..., Product],
) -> None:
    rows = ORDERS + f"99,{MAIL}\n"
    shop = make_product(SPEC.format(kind="csv"), files={"orders.csv": rows, "people.csv": PEOPLE})
    with pytest.raises(ContractError, match=r"Expected 5 columns, got 2 \(what ") as told:
        land(shop)
    assert MAIL not in str(told.value)


def test_a_file_that_somebody_gives_comes_through_the_same_door(
    shop: Product, tmp_path: Path
) -> None:
    land(shop)
    question = tmp_path / "question.csv"
    question.write_text(f"id,at,email,name\n1,2026-02-01T10:00:00Z,{MAIL},{NAME}\n")
    given = read_given(shop, "orders", question)
    assert given.rows["email"].tolist() == [expected(MAIL)]
    assert NAME not in given.rows.to_csv()


def test_another_key_is_refused_and_the_lake_stays(
    shop: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(shop)
    before = Lake("shop").versions("raw_orders", "raw_people")
    take_key(monkeypatch, OTHER)
    with pytest.raises(ContractError, match="hashed with another MLFACTORY_PII_KEY"):
        land(shop, "2026-01-02")
    assert Lake("shop").versions("raw_orders", "raw_people") == before
    take_key(monkeypatch, KEY)
    land(shop, "2026-01-02")


@pytest.mark.parametrize(("given", "why"), [("", "is not set"), ("short", "has fewer than 32")])
def test_without_a_key_nothing_lands_and_it_is_said_how_to_make_one(
    shop: Product, monkeypatch: pytest.MonkeyPatch, given: str, why: str
) -> None:
    take_key(monkeypatch, given)
    with pytest.raises(UsageError, match=rf"MLFACTORY_PII_KEY {why}(.|\n)*openssl rand"):
        land(shop)
    assert Lake("shop").version("raw_orders") is None


def test_the_key_itself_is_nowhere(shop: Product, home: Path) -> None:
    land(shop)
    assert files_with(home, KEY) == []


def test_a_guarded_column_under_another_name_stops_the_landing(shop: Product) -> None:
    deliver(shop, "orders", ORDERS.replace("email", "e_mail", 1))
    with pytest.raises(ContractError, match=r"no column \['email'\], which sources.orders.pii"):
        land(shop)


STRICT = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources:
  orders:
    kind: csv
    path: orders.csv
    event_time: at
    key: [id]
    types: {amount: integer}
    pii: {email: hash, name: drop}
    columns: strict
features: {key: [id], event_time: at, numeric: [amount]}
label: {column: bad, kind: binary}
"""


def test_a_strict_source_refuses_a_column_that_nobody_declared(
    make_product: Callable[..., Product],
) -> None:
    shop = make_product(STRICT, files={"orders.csv": ORDERS})
    land(shop)
    header, _, rest = ORDERS.partition("\n")
    more = f"{header},phone\n" + "".join(f"{line},555\n" for line in rest.splitlines())
    (shop.folder / "orders.csv").write_text(more)
    with pytest.raises(ContractError, match=r"nobody declared: 1 of them.*strict"):
        land(shop, "2026-01-02")
    assert Lake("shop").read("raw_orders")["partition"].unique().tolist() == ["2026-01-01"]


def test_a_file_without_a_row_lands_whoever_it_is_about(
    make_product: Callable[..., Product],
) -> None:
    spec = SPEC.format(kind="jsonl").replace("orders.jsonl", "orders-{partition}.jsonl")
    files = {"orders-2026-01-01.jsonl": "", "people.jsonl": '{"email": "ada@x", "age": 3}\n'}
    quiet = make_product(spec, files=files)
    assert land(quiet).rows == {"orders": 0, "people": 1}
    row = '{"id": 1, "at": "2026-01-02T10:00:00Z", "e_mail": "ada@example.com", "name": "Ada"}\n'
    (quiet.folder / "orders-2026-01-02.jsonl").write_text(row)
    with pytest.raises(ContractError, match=r"no column \['email'\], which sources") as told:
        land(quiet, "2026-01-02")
    assert MAIL not in str(told.value)


PLAIN = SPEC.replace(", pii: {{email: hash}}", "").replace(
    "    pii: {{email: hash, name: drop}}\n", ""
)


@pytest.mark.parametrize(
    ("before", "after", "how"),
    [
        (PLAIN, SPEC, "landed as it was"),
        (SPEC, PLAIN, "landed hashed"),
        (SPEC, SPEC.replace("email: hash, name: drop", "email: drop, name: drop"), "landed hashed"),
    ],
)
def test_what_landed_in_one_way_does_not_land_in_another(
    make_product: Callable[..., Product], before: str, after: str, how: str
) -> None:
    files = {"orders.csv": ORDERS, "people.csv": PEOPLE}
    land(make_product(before.format(kind="csv"), files=files))
    changed = make_product(after.format(kind="csv"), files=files)
    with pytest.raises(ContractError, match=rf"{how}(.|\n)*mlfactory reset shop --source orders"):
        land(changed, "2026-01-02")
    for source in ("orders", "people"):
        remove_source("shop", source)
    assert land(changed, "2026-01-02").rows["orders"] == 10


def test_a_number_has_one_hash_however_it_came(tmp_path: Path) -> None:
    whole, gaps, texts = (
        pa.chunked_array([pa.array(values)])
        for values in (
            [4915112345678, 7, None],
            [4915112345678.0, 7.0, None],
            ["4915112345678", "7", None],
        )
    )
    assert hashed(whole, b"k") == hashed(gaps, b"k") == hashed(texts, b"k")
    assert hashed(pa.chunked_array([pa.array([0.5, 7.0])]), b"k")[0] != hashed(whole, b"k")[1]


def test_a_file_that_lost_its_header_is_told_without_the_row_in_its_place(
    make_product: Callable[..., Product],
) -> None:
    lines = [f"7,2026-01-01T10:00:00Z,{MAIL},{NAME},8\n", *ORDERS.splitlines(keepends=True)[1:]]
    files = {"orders.csv": "".join(lines), "people.csv": PEOPLE}
    shop = make_product(SPEC.format(kind="csv"), files=files)
    with pytest.raises(ContractError, match=r"It has none, and 5 that the source does not") as told:
        land(shop)
    assert MAIL not in str(told.value) and NAME not in str(told.value)


def test_strict_is_asked_of_what_was_read_before(make_product: Callable[..., Product]) -> None:
    land(make_product(STRICT, files={"orders.csv": ORDERS}))
    without = STRICT.replace("    types: {amount: integer}\n", "")
    with pytest.raises(ContractError, match=r"nobody declared: 1 of them"):
        land(make_product(without, files={"orders.csv": ORDERS}), "2026-01-02")
