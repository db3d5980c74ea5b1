from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from mlfactory import ingest, prepare, validate
from mlfactory.cli.cycle import run_partitions
from mlfactory.cycle.job import Budget
from mlfactory.cycle.labels import read_due_again
from mlfactory.lake.catalog import VALIDATION, manifest_file
from mlfactory.lake.labels import known_labels
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.rows import Standing, accepted_of, standings
from mlfactory.lake.staleness import stale_runs
from mlfactory.lake.store import Store, product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import (
    BuildError,
    ContractError,
    IntegrityError,
    ServiceError,
    UsageError,
)
from mlfactory.product.loader import Product, load_folder, load_product

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

pytestmark = pytest.mark.usefixtures("home")


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


def test_labels_that_come_after_the_first_day_are_numbers(
    shop: Product, caplog: pytest.LogCaptureFixture
) -> None:
    build = FEATURES.replace(
        "return orders",
        "return orders.assign(bad=(orders.bad == 1).astype(float).where(orders.bad.notna()))",
    )
    (shop.folder / "features.py").write_text(build)
    product = load_folder(shop.folder)
    text = orders()
    empty = "\n".join(f"{line[:-1]}" if line[-1] in "01" else line for line in text.splitlines())
    (shop.folder / "orders.csv").write_text(empty + "\n")
    assert through(product, "2026-01-01").labelled == 0
    (shop.folder / "orders.csv").write_text(text)
    assert through(product, "2026-01-01").labelled == 19
    assert Lake("shop").read("labels")["label"].value_counts().to_dict() == {0.0: 10, 1.0: 9}


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


def test_rows_of_a_landing_that_was_not_validated_are_not_used(shop: Product) -> None:
    partition = shop.calendar.parse("2026-01-01")
    through(shop, "2026-01-01")
    (shop.folder / "orders.csv").write_text(orders().replace(",i1,", ",i1,-"))
    # killed after the write of its first table
    with pytest.MonkeyPatch.context() as patch:
        replace = Lake.replace

        def killed(self: Lake, table: str, *arguments: Any) -> int:
            if table == "raw_items":
                raise Killed
            return replace(self, table, *arguments)

        patch.setattr(Lake, "replace", killed)
        with pytest.raises(Killed):
            ingest.run(shop, partition)
    with pytest.raises(UsageError, match="not validated since it was last landed"):
        prepare.run(shop, partition)
    assert read_manifest("shop", "ingest", "2026-01-01") == {}


def test_a_table_removed_and_landed_anew_is_not_vouched_for(shop: Product) -> None:
    partition = shop.calendar.parse("2026-01-01")
    through(shop, "2026-01-01")
    version = Lake("shop").version("raw_orders")
    product_store("shop").delete_all("raw_orders")
    ingest.run(shop, partition)
    # its version is that of the table that was validated
    assert Lake("shop").version("raw_orders") == version
    with pytest.raises(UsageError, match="not validated since it was last landed"):
        prepare.run(shop, partition)


def test_rows_that_are_being_replaced_are_not_read(shop: Product) -> None:
    through(shop, "2026-01-01")
    rows = Lake("shop").read("raw_orders", ["2026-01-01"])
    Lake("shop").replace("raw_orders", rows.assign(_landing="another"), "2026-01-01")
    with pytest.raises(ServiceError, match="are being replaced by another run"):
        through_prepare(shop, "2026-01-01")


def test_a_raw_table_that_is_gone_is_no_day_without_events(shop: Product) -> None:
    through(shop, "2026-01-01")
    product_store("shop").delete_all("raw_orders")
    with pytest.raises(IntegrityError, match=r"20 rows were landed, and .*raw_orders holds 0") as e:
        through_prepare(shop, "2026-01-01")
    assert "mlfactory reset shop --source orders" in e.value.remedy
    with pytest.raises(IntegrityError, match="20 rows were landed"):
        validate.run(shop, shop.calendar.parse("2026-01-01"))


def test_raw_rows_that_are_gone_of_a_past_day_are_told_when_they_are_history(shop: Product) -> None:
    through(shop, "2026-01-01")
    through(shop, "2026-01-02")
    rows = Lake("shop").arrow("raw_orders", ["2026-01-01"])
    assert rows is not None
    Lake("shop").replace("raw_orders", rows.slice(0, 15), "2026-01-01")
    with pytest.raises(IntegrityError, match=r"2026-01-01: 20 rows were landed, and .* holds 15"):
        through_prepare(shop, "2026-01-02")


def test_a_quarantine_table_that_is_gone_lets_no_bad_row_through(shop: Product) -> None:
    through(shop, "2026-01-01")
    product_store("shop").delete_all("quarantine")
    with pytest.raises(IntegrityError, match="1 rows were put into quarantine") as caught:
        through_prepare(shop, "2026-01-01")
    assert "mlfactory run shop 2026-01-01 --stage validate" in caught.value.remedy
    validate.run(shop, shop.calendar.parse("2026-01-01"))
    assert through_prepare(shop, "2026-01-01").rows == 19


def test_rows_of_another_landing_are_a_run_at_work_and_not_a_loss(shop: Product) -> None:
    through(shop, "2026-01-01")
    # another run of ingest has removed its manifest, and emptied the partition
    product_store("shop").delete(manifest_file("ingest", "2026-01-01"))
    judged = Standing("2026-01-01", "accepted", read_manifest("shop", "validate", "2026-01-01"))
    Lake("shop").replace("raw_orders", pd.DataFrame(), "2026-01-01")
    with pytest.raises(ServiceError, match="is being replaced by another run of ingest"):
        accepted_of(shop, "orders", [judged])


def test_rows_come_to_build_in_the_order_of_their_file(shop: Product) -> None:
    lines = orders().splitlines()
    (shop.folder / "orders.csv").write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n")
    features = FEATURES.replace("return orders", "return orders.assign(price=range(len(orders)))")
    (shop.folder / "features.py").write_text(features)
    first = shop.calendar.parse("2026-01-01")
    ingest.run(shop, first)
    validate.run(shop, first)
    # a table may give its rows in any order
    rows = Lake("shop").read("raw_orders", ["2026-01-01"]).sample(frac=1, random_state=1)
    Lake("shop").replace("raw_orders", rows.reset_index(drop=True), "2026-01-01")
    prepare.run(shop, first)
    found = Lake("shop").read("features", ["2026-01-01"]).set_index("id")["price"]
    assert found["1-19"] == 0
    assert found["1-0"] == 18


def test_history_is_trimmed_to_what_was_asked_for(shop: Product) -> None:
    spec = SPEC.replace("history: 1 day", "history: 2 hours")
    (shop.folder / "product.yaml").write_text(spec)
    product = load_product("shop", shop.folder.parent)
    late = "1-99,2026-01-01T22:00:00Z,i0,1,0\n1-98,2026-01-01T21:59:59Z,i0,1,0\n"
    (shop.folder / "orders.csv").write_text(orders() + late)
    through(product, "2026-01-01")
    through(product, "2026-01-02")
    features = Lake("shop").read("features", ["2026-01-02"]).set_index("id")
    # of the day before only the order of exactly 22 o'clock is in the last two hours
    assert features.loc["2-0", "seen_before"] == 1


def test_history_that_was_never_ingested_is_counted_and_told(
    shop: Product, caplog: pytest.LogCaptureFixture
) -> None:
    through(shop, "2026-01-01")
    with caplog.at_level(logging.WARNING):
        result = through(shop, "2026-01-03")
    assert result.history_missing == 1
    assert "1 of the 1 partitions of its history was never ingested: 2026-01-02" in caplog.text
    manifest = read_manifest("shop", "prepare", "2026-01-03")
    assert manifest["counts"]["history_absent"] == 1
    # when it comes, what was built without it is stale
    through(shop, "2026-01-02")
    stale = {(run.stage, run.key): run.because for run in stale_runs(load_product("shop"))}
    assert stale == {("prepare", "2026-01-03"): ("validate/2026-01-02",)}


def test_history_that_is_required_and_absent_is_refused(shop: Product) -> None:
    spec = SPEC.replace("history: 1 day", "history: 1 day\n  history_required: true")
    (shop.folder / "product.yaml").write_text(spec)
    product = load_product("shop", shop.folder.parent)
    # nothing is before the first partition
    assert through(product, "2026-01-01").history_missing == 0
    with pytest.raises(UsageError, match="was never ingested: 2026-01-02"):
        through(product, "2026-01-03")


def test_a_corrected_partition_makes_its_neighbours_stale(shop: Product) -> None:
    through(shop, "2026-01-01")
    through(shop, "2026-01-02")
    assert stale_runs(load_product("shop")) == []
    through(shop, "2026-01-01")
    assert [(run.stage, run.key) for run in stale_runs(load_product("shop"))] == [
        ("prepare", "2026-01-02")
    ]


def test_a_register_stays_as_it_was_seen_until_it_is_renewed(shop: Product) -> None:
    partition = shop.calendar.parse("2026-01-01")
    through(shop, "2026-01-01")
    seen = read_manifest("shop", "ingest", "2026-01-01")["facts"]["sources"]["items"]
    (shop.folder / "items.csv").write_text(ITEMS.replace("red", "green") + "i9,blue\n")
    through(shop, "2026-01-01")
    assert set(Lake("shop").read("features", ["2026-01-01"])["colour"]) == {"red", "blue"}
    again = read_manifest("shop", "ingest", "2026-01-01")["facts"]["sources"]["items"]
    assert again["seen_at"] == seen["seen_at"]
    assert again["digest"] == seen["digest"]
    data, console = ["ingest", "validate", "prepare"], Console(file=io.StringIO())
    run_partitions(shop, [partition], data, Budget(), console, renew=True)
    assert set(Lake("shop").read("features", ["2026-01-01"])["colour"]) == {"green", "blue"}
    with pytest.raises(UsageError, match="--renew is about the stage ingest"):
        run_partitions(shop, [partition], ["validate"], Budget(), console, renew=True)


def test_a_day_that_passed_is_not_stopped_by_being_read_again_for_its_labels(
    shop: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    through(shop, "2026-01-01")
    due = shop.calendar.parse("2026-01-01")
    monkeypatch.setattr("mlfactory.lake.owed.due_again", lambda product, partition: [due])
    before = read_manifest("shop", "validate", "2026-01-01")
    # meanwhile the source has as many rows, and most of them are bad
    (shop.folder / "orders.csv").write_text(orders().replace(",1\n", ",x\n"))
    done = read_due_again(shop, shop.calendar.parse("2026-01-02"))
    assert done["again"] == []
    assert "would break its contract, and is not landed" in done["failed"]["2026-01-01"]
    assert read_manifest("shop", "validate", "2026-01-01") == before
    assert standings(shop, ["2026-01-01"])["2026-01-01"].state == "accepted"
    assert through_prepare(shop, "2026-01-01").rows == 19
    # and where the data is as good as it was, it is read
    (shop.folder / "orders.csv").write_text(orders())
    assert read_due_again(shop, shop.calendar.parse("2026-01-02"))["again"] == ["2026-01-01"]
    assert read_manifest("shop", "validate", "2026-01-01")["id"] != before["id"]


def test_a_register_that_was_stopped_is_read_again(shop: Product) -> None:
    (shop.folder / "items.csv").write_text("item,colour\n" + "i1,red\n" * 9)
    with pytest.raises(ContractError, match="items: 8 of 9 rows"):
        through(shop, "2026-01-01")
    (shop.folder / "items.csv").write_text(ITEMS)
    assert through(shop, "2026-01-01").rows == 19


def test_a_partition_landed_late_has_the_register_of_its_time(shop: Product) -> None:
    through(shop, "2026-01-01")
    # as if it had been landed in time
    rows = Lake("shop").read("raw_items", ["2026-01-01"])
    at = pd.Timestamp("2026-01-02T00:05", tz="UTC")
    Lake("shop").replace("raw_items", rows.assign(_seen_at=at), "2026-01-01")
    (shop.folder / "items.csv").write_text(ITEMS.replace("red", "green"))
    through(shop, "2026-01-02")
    assert set(Lake("shop").read("features", ["2026-01-02"])["colour"]) == {"red", "blue"}
    kept = read_manifest("shop", "ingest", "2026-01-02")["facts"]["sources"]["items"]
    assert kept["kept_from"] == "2026-01-01"


def test_a_wide_register_is_kept_as_it_was_seen_as_well(shop: Product) -> None:
    # of columns behind the first 32 the log of a table tells nothing
    more = ",".join(f"c{number}" for number in range(40))
    wide = [
        f"{line},{more if not place else '1,' * 39 + '1'}"
        for place, line in enumerate(ITEMS.splitlines())
    ]
    (shop.folder / "items.csv").write_text("\n".join(wide) + "\n")
    through(shop, "2026-01-01")
    rows = Lake("shop").read("raw_items", ["2026-01-01"])
    seen = rows.pop("_seen_at").clip(upper=pd.Timestamp("2026-01-02T00:05", tz="UTC"))
    # made by another writer, which put the column last
    product_store("shop").delete_all("raw_items")
    Lake("shop").replace("raw_items", rows.assign(_seen_at=seen), "2026-01-01")
    (shop.folder / "items.csv").write_text("\n".join(wide).replace("red", "green") + "\n")
    through(shop, "2026-01-02")
    assert set(Lake("shop").read("features", ["2026-01-02"])["colour"]) == {"red", "blue"}


def test_ingest_tells_what_it_has_read(shop: Product) -> None:
    through(shop, "2026-01-01")
    facts = read_manifest("shop", "ingest", "2026-01-01")["facts"]["sources"]
    text = (shop.folder / "orders.csv").read_bytes()
    assert facts["orders"]["digest"] == hashlib.sha256(text).hexdigest()
    assert facts["orders"]["digest_of"] == "content"
    assert facts["orders"]["bytes"] == len(text)
    assert facts["orders"]["path"] == str(shop.folder / "orders.csv")
    assert facts["orders"]["rows_seen"] == 80


def test_reading_again_for_labels_never_loses_rows(shop: Product) -> None:
    through(shop, "2026-01-01")
    before = state(shop)
    (shop.folder / "orders.csv").write_text("id,at,item,price,bad\n1-1,2026-01-01,i1,1,0\n")
    with pytest.raises(ContractError, match="its source has 1 of the 20 rows that it had"):
        ingest.run(shop, shop.calendar.parse("2026-01-01"), again=lambda rows: None)
    assert_same(state(shop), before)
    assert prepare.run(shop, shop.calendar.parse("2026-01-01")).rows == 19


def test_text_is_not_taken_for_true_and_false(make_product: Callable[..., Product]) -> None:
    text = "\n".join(f"{i},2026-01-01T10:00:00Z,{'Yes' if i % 4 else 'No'}" for i in range(40))
    features = """
def build(sources):
    orders = sources["orders"]
    return orders.assign(bad=(orders["churned"] == "Yes").astype(int))
"""
    spec = SPEC.replace("  items: {kind: csv, path: items.csv, key: [item]}\n", "")
    spec = spec.replace(
        "{type: expect_column_values_to_be_between, column: price, min_value: 0}",
        "{type: expect_column_values_to_be_in_set, column: churned, value_set: ['Yes', 'No']}",
    )
    spec = spec.replace("[price, seen_before]", "[]").replace("[colour]", "[churned]")
    product = make_product(spec, features, {"orders.csv": "id,at,churned\n" + text + "\n"})
    through(product, "2026-01-01")
    assert set(Lake("shop").read("labels")["label"]) == {0.0, 1.0}
    assert set(Lake("shop").read("features")["churned"]) == {"Yes", "No"}


def test_a_constant_label_is_said_in_those_words(
    shop: Product, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [f"1-{i},2026-01-01T10:00:00Z,i1,{i},0" for i in range(30)]
    (shop.folder / "orders.csv").write_text("\n".join(["id,at,item,price,bad", *lines]) + "\n")
    with caplog.at_level(logging.WARNING):
        through(shop, "2026-01-01")
    assert "the label 'bad' is constant: it is 0.0 in all 30 rows" in caplog.text
    assert "the features ['colour'] are constant" in caplog.text


FORECAST = """
import pandas as pd

def build(sources):
    rows = sources["meter"].sort_values("at")
    ahead = rows[["at", "kwh"]].assign(at=rows["at"] - pd.Timedelta("24h"))
    return rows.merge(ahead.rename(columns={"kwh": "tomorrow"}), on="at", how="left")
"""
FORECAST_SPEC = """
apiVersion: mlfactory/v1
name: power
partition: {every: day, start: 2026-01-01}
sources: {meter: {kind: csv, path: meter.csv, event_time: at}}
features: {key: [at], event_time: at, numeric: [kwh], history: HISTORY}
label: {column: tomorrow, kind: regression, arrives_after: 24 hours}
"""


def meter(product_of: Callable[..., Product], history: str) -> Product:
    times = pd.date_range("2026-01-01", periods=24 * 4, freq="h", tz="UTC")
    lines = [f"{at.isoformat()},{number}" for number, at in enumerate(times)]
    text = "\n".join(["at,kwh", *lines]) + "\n"
    return product_of(FORECAST_SPEC.replace("HISTORY", history), FORECAST, {"meter.csv": text})


def test_a_label_ahead_of_its_event_loses_no_day(make_product: Callable[..., Product]) -> None:
    product = meter(make_product, "24 hours")
    results = [through(product, f"2026-01-0{day}") for day in (1, 2, 3)]
    assert [each.labelled for each in results] == [0, 0, 0]
    assert [each.labelled_earlier for each in results] == [0, 24, 24]
    keys = ["2026-01-01", "2026-01-02", "2026-01-03"]
    # at the end of the third day the next day's values are known for the first two
    known = known_labels(product, keys, product.calendar.parse("2026-01-03").end)
    assert known["partition"].value_counts().to_dict() == {"2026-01-01": 24, "2026-01-02": 24}
    assert known["label"].tolist() == [float(number) for number in range(24, 72)]
    # and a day earlier only for the first, whatever has been written since
    known = known_labels(product, keys, product.calendar.parse("2026-01-02").end)
    assert known["partition"].unique().tolist() == ["2026-01-01"]


def test_labels_that_fall_due_in_a_partition_without_events_are_kept(
    make_product: Callable[..., Product],
) -> None:
    product = meter(make_product, "24 hours")
    text = FORECAST.replace(
        "return rows.merge", "rows = rows[rows['at'] < DAY]\n    return rows.merge"
    )
    (product.folder / "features.py").write_text(text.replace("DAY", "'2026-01-02T00:00Z'"))
    through(product, "2026-01-01")
    result = through(product, "2026-01-02")
    assert (result.rows, result.labelled_earlier, result.state) == (0, 24, "no_data")
    assert known_labels(product, ["2026-01-01"], datetime(2026, 1, 3, tzinfo=UTC)).shape[0] == 24


@pytest.mark.parametrize("at", ["2026-01-02T00:00:00Z", "2026-01-01T23:59:59.999999Z"])
def test_an_event_exactly_at_the_end_is_of_the_next_partition(shop: Product, at: str) -> None:
    (shop.folder / "orders.csv").write_text(orders(2) + f"edge,{at},i1,1,0\n")
    through(shop, "2026-01-01")
    through(shop, "2026-01-02")
    rows = Lake("shop").read("features").set_index("id")
    assert rows.loc["edge", "partition"] == at[:10]


WRITES = 13
"""Five tables, a manifest a stage, a page, and four files of Data Docs."""


def count_writes(monkeypatch: pytest.MonkeyPatch, kill_at: int | None = None) -> list[str]:
    """Let the write number `kill_at` fail; the list returned names each write as it comes."""
    seen: list[str] = []
    store = type(product_store("shop"))
    replace, write = Lake.replace, store.write

    def counted(name: str) -> None:
        seen.append(name)
        if len(seen) - 1 == kill_at:
            raise Killed

    def replacing(self: Lake, table: str, *arguments: Any) -> int:
        counted(table)
        return replace(self, table, *arguments)

    def writing(self: Store, name: str, content: bytes) -> None:
        counted(name)
        write(self, name, content)

    monkeypatch.setattr(Lake, "replace", replacing)
    monkeypatch.setattr(store, "write", writing)
    return seen


@pytest.mark.parametrize("place", range(WRITES))
def test_a_run_killed_at_any_write_and_run_again_ends_in_the_same_state(
    shop: Product, another_home: Callable[[str], None], place: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        writes = count_writes(patch)
        through(shop, "2026-01-01")
    assert len(writes) == WRITES
    expected, pages = state(shop), validation_pages()
    another_home("disturbed")
    with pytest.MonkeyPatch.context() as patch:
        count_writes(patch, kill_at=place)
        with pytest.raises(Killed):
            through(shop, "2026-01-01")
    through(shop, "2026-01-01")
    assert_same(state(shop), expected)
    assert validation_pages() == pages


def validation_pages() -> dict[str, bytes]:
    store = product_store("shop")
    return store.read_many(store.list(VALIDATION))
