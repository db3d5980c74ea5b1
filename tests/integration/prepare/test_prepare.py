from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlfactory import ingest, prepare, validate
from mlfactory.lake.store import FolderStore
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import BuildError, ContractError, UsageError
from mlfactory.product.loader import Product, load_folder

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
RUNS = ["_landing", "_seen_at", "landing"]
TABLES = ("raw_orders", "raw_items", "quarantine", "features", "labels")

pytestmark = pytest.mark.usefixtures("home")


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


def state(product: Product) -> dict[str, pd.DataFrame]:
    """Return every row of every table, but for what tells one run from another."""
    lake = Lake(product.name)
    return {table: lake.read(table).drop(columns=RUNS, errors="ignore") for table in TABLES}


def assert_same(left: dict[str, pd.DataFrame], right: dict[str, pd.DataFrame]) -> None:
    for table in TABLES:
        pd.testing.assert_frame_equal(left[table], right[table])


def test_features_and_labels_leave_out_quarantined_rows(shop: Product) -> None:
    result = through(shop, "2026-01-01")
    assert (result.rows, result.labelled, result.state) == (19, 19, "ok")
    features = Lake("shop").read("features")
    assert "1-7" not in set(features["id"])
    assert features["id"].is_monotonic_increasing


def test_history_is_seen_and_not_written_again(shop: Product) -> None:
    through(shop, "2026-01-01")
    through(shop, "2026-01-02")
    features = Lake("shop").read("features", ["2026-01-02"]).set_index("id")
    assert set(features.index.str[0]) == {"2"}
    # item 0 was ordered at 0, 5, 10 and 15 o'clock of the day before
    assert features.loc["2-0", "seen_before"] == 4


def test_history_that_was_stopped_is_not_used(
    shop: Product, caplog: pytest.LogCaptureFixture
) -> None:
    text = orders()
    first = shop.calendar.parse("2026-01-01")
    (shop.folder / "orders.csv").write_text(
        "\n".join(line.replace(",i1,", ",i1,-") for line in text.splitlines()) + "\n"
    )
    ingest.run(shop, first)
    with pytest.raises(ContractError):
        validate.run(shop, first)
    with pytest.raises(ContractError, match="nothing is built from data that breaks its contract"):
        prepare.run(shop, first)
    (shop.folder / "orders.csv").write_text(text)
    with caplog.at_level(logging.WARNING):
        through(shop, "2026-01-02")
    assert "1 of the 1 partitions of its history did not pass validation" in caplog.text
    features = Lake("shop").read("features", ["2026-01-02"]).set_index("id")
    assert features.loc["2-0", "seen_before"] == 0


def test_a_snapshot_is_the_one_landed_last_until_the_partition(shop: Product) -> None:
    through(shop, "2026-01-01")
    (shop.folder / "items.csv").write_text(ITEMS.replace("red", "green"))
    through(shop, "2026-01-02")
    assert set(Lake("shop").read("features", ["2026-01-02"])["colour"]) == {"green", "blue"}
    prepare.run(shop, shop.calendar.parse("2026-01-01"))
    assert set(Lake("shop").read("features", ["2026-01-01"])["colour"]) == {"red", "blue"}


def test_a_partition_without_events_is_a_state_and_empties_what_was_there(shop: Product) -> None:
    assert through(shop, "2026-02-01").state == "no_data"
    assert Lake("shop").version("features") is None
    through(shop, "2026-01-01")
    (shop.folder / "orders.csv").write_text("id,at,item,price,bad\n2-1,2026-01-02,i1,1,0\n")
    assert through(shop, "2026-01-01").state == "no_data"
    assert Lake("shop").read("features").empty
    assert Lake("shop").read("labels").empty


def test_what_was_not_validated_since_it_was_landed_is_not_built(shop: Product) -> None:
    partition = shop.calendar.parse("2026-01-01")
    with pytest.raises(UsageError, match="not validated since it was last landed"):
        prepare.run(shop, partition)
    through(shop, "2026-01-01")
    ingest.run(shop, partition)
    with pytest.raises(UsageError, match="run the stage validate first"):
        prepare.run(shop, partition)


@pytest.mark.parametrize(
    ("features", "says"),
    [
        ("def build(sources):\n    1 / 0\n", r"ZeroDivisionError: division by zero \(.*:2\)"),
        (FEATURES.replace("return orders", "return orders.drop(columns='id')"), r"'id' \(features"),
        (FEATURES.replace("return orders", "return orders.assign(id=1)"), "is not unique"),
    ],
)
def test_a_build_function_that_fails_leaves_the_lake_as_it_was(
    shop: Product, features: str, says: str
) -> None:
    through(shop, "2026-01-01")
    before = state(shop)
    (shop.folder / "features.py").write_text(features)
    changed = load_folder(shop.folder)
    with pytest.raises(BuildError, match=says):
        through(changed, "2026-01-01")
    assert_same(state(shop), before)


def test_labels_that_are_all_null_are_no_labels_and_no_error(
    shop: Product, caplog: pytest.LogCaptureFixture
) -> None:
    text = FEATURES.replace("return orders", "return orders.assign(bad=float('nan'))")
    (shop.folder / "features.py").write_text(text)
    with caplog.at_level(logging.WARNING):
        result = through(shop, "2026-01-01")
    assert (result.rows, result.labelled, result.state) == (19, 0, "ok")
    assert "none of the 19 rows has a label in 'bad'" in caplog.text
    assert list(Lake("shop").columns("labels")) == ["id", "at", "label", "available_at"]


def test_the_same_partition_twice_gives_the_same_rows(shop: Product) -> None:
    through(shop, "2026-01-01")
    through(shop, "2026-01-02")
    before = state(shop)
    through(shop, "2026-01-01")
    through(shop, "2026-01-02")
    assert_same(state(shop), before)


def test_a_product_without_time_has_one_partition(make_product: Callable[..., Product]) -> None:
    spec = SPEC.replace("{every: day, start: 2026-01-01}", "{every: snapshot}")
    spec = spec.replace(" event_time: at,", "").replace("\n  event_time: at", "")
    spec = spec.replace(", arrives_after: 1 day", "").replace("  history: 1 day\n", "")
    product = make_product(spec, FEATURES, {"orders.csv": orders(), "items.csv": ITEMS})
    result = through(product, "snapshot")
    assert (result.rows, result.labelled) == (76, 76)
    assert list(Lake("shop").columns("labels")) == ["id", "label", "available_at"]


WRITES = 12
"""Five tables, a manifest a stage, a page, and three of Data Docs."""


class Killed(Exception):
    """Stands for the end of a process."""


def count_writes(monkeypatch: pytest.MonkeyPatch, kill_at: int | None = None) -> list[str]:
    """Let the write number `kill_at` fail; the list returned names each write as it comes."""
    seen: list[str] = []
    replace, write = Lake.replace, FolderStore.write

    def counted(name: str) -> None:
        seen.append(name)
        if len(seen) - 1 == kill_at:
            raise Killed

    def replacing(self: Lake, table: str, *arguments: Any) -> int:
        counted(table)
        return replace(self, table, *arguments)

    def writing(self: FolderStore, name: str, content: bytes) -> None:
        counted(name)
        write(self, name, content)

    monkeypatch.setattr(Lake, "replace", replacing)
    monkeypatch.setattr(FolderStore, "write", writing)
    return seen


@pytest.mark.parametrize("place", range(WRITES))
def test_a_run_killed_at_any_write_and_run_again_ends_in_the_same_state(
    shop: Product, home: Path, place: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        writes = count_writes(patch)
        through(shop, "2026-01-01")
    assert len(writes) == WRITES
    expected, pages = state(shop), validation_pages(home)
    home.rename(home.with_name("undisturbed"))
    with pytest.MonkeyPatch.context() as patch:
        count_writes(patch, kill_at=place)
        with pytest.raises(Killed):
            through(shop, "2026-01-01")
    through(shop, "2026-01-01")
    assert_same(state(shop), expected)
    assert validation_pages(home) == pages


def validation_pages(home: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in home.rglob("validation/*.html")}
