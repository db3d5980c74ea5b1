"""A partition that is cut into shards has the rows that it would have uncut."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from tests.integration.prepare.conftest import ITEMS, SPEC, orders, through

from mlfactory import ingest, prepare, validate
from mlfactory.lake import batches
from mlfactory.lake.catalog import STAGING
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import BuildError, ContractError, UsageError
from mlfactory.product.loader import Product, load_product
from mlfactory.upkeep.staging import keep_staging

pytestmark = pytest.mark.usefixtures("home")

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
BY_ITEM = "partition: {{every: day, start: 2026-01-01, shards: {}, by: item}}"
FEATURES = """
def build(sources):
    orders = sources["orders"].merge(sources["items"], on="item", how="left")
    orders["seen_before"] = orders.groupby("item").cumcount()
    orders["colour"] = orders["colour"].astype("str") + str(orders["size"].dtype)
    return orders
"""
ONE_ROW = """
def build(sources):
    orders = sources["orders"].merge(sources["items"], on="item", how="left")
    return orders.assign(seen_before=1.0)
"""


def more_orders() -> str:
    """Return orders of which some name no item, and whose whole numbers have one gap."""
    header, *lines = orders().splitlines()
    rows = [
        (line.replace(",i3,", ",,") if n % 9 == 3 else line) + ("," if n == 33 else f",{n}")
        for n, line in enumerate(lines)
    ]
    return "\n".join([f"{header},size", *rows]) + "\n"


def cut(make: Callable[..., Product], name: str, partition: str, build: str = FEATURES) -> Product:
    spec = SPEC.replace("name: shop", f"name: {name}")
    spec = re.sub("partition: .*", partition, spec)
    if "by:" not in partition and "shards:" in partition:
        spec = spec.replace("  history: 1 day\n", "")
    return make(spec, build, {"orders.csv": more_orders(), "items.csv": ITEMS})


def left(product: Product) -> dict[str, object]:
    """Return what preparing leaves of every day."""
    found: dict[str, object] = {}
    for table in ("features", "labels"):
        rows = Lake(product.name).read(table).drop(columns="_run")
        found[table] = rows.sort_values(["partition", "id"], ignore_index=True).to_csv()
        found[f"types of {table}"] = str(Lake(product.name).columns(table))
    for key in DAYS:
        manifest = read_manifest(product.name, "prepare", key)
        facts = {**manifest["facts"], "gathered": ""}
        found[key] = manifest["counts"], facts, manifest["written"]
    return found


@pytest.mark.parametrize("batch", [1_000_000, 7])
def test_any_number_of_shards_leaves_the_same_rows_where_history_is_seen(
    make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(batches, "BATCH", batch)
    found = {}
    for shards in (1, 4, 8):
        by = BY_ITEM.format(shards) if shards > 1 else "partition: {every: day, start: 2026-01-01}"
        product = cut(make_product, f"shop_{shards}", by)
        results = [through(product, key) for key in DAYS]
        found[shards] = [left(product), [str(each.labelled_earlier) for each in results]]
        assert product_store(product.name).list(STAGING) == []
    assert found[4] == found[1]
    assert found[8] == found[1]
    assert found[1][1] != ["0", "0", "0"]


def test_rows_that_are_looked_at_alone_are_cut_in_their_order(
    make_product: Callable[..., Product],
) -> None:
    found = []
    for shards in (1, 3, 8):
        start = "partition: {every: day, start: 2026-01-01" + f", shards: {shards}" + "}"
        product = cut(make_product, f"shop_{shards}", start, ONE_ROW)
        for key in DAYS:
            through(product, key)
        found.append(left(product))
    assert found[1] == found[0]
    assert found[2] == found[0]


@pytest.fixture
def four(make_product: Callable[..., Product]) -> Product:
    """Give a shop of four shards whose first day is validated."""
    product = cut(make_product, "shop", BY_ITEM.format(4))
    validated(product)
    return product


def validated(product: Product, key: str = DAYS[0]) -> None:
    ingest.run(product, product.calendar.parse(key))
    validate.run(product, product.calendar.parse(key))


def test_a_shard_that_is_missing_is_built_alone_and_runs_do_not_mix(four: Product) -> None:
    day = four.calendar.parse(DAYS[0])
    for number in (0, 1, 3):
        prepare.build_shard(four, day, number, "mine")
    with pytest.raises(UsageError, match=r"of its 4 shards there is none of 2 in this run"):
        prepare.gather(four, day, "mine")
    assert read_manifest("shop", "prepare", DAYS[0]) == {}
    whole = prepare.run(four, day)
    with pytest.raises(UsageError, match="there is none of 2"):
        prepare.gather(four, day, "mine")
    prepare.build_shard(four, day, 2, "mine")
    # tried again, as after a kill
    prepare.build_shard(four, day, 0, "mine")
    before = Lake("shop").read("features").drop(columns="_run")
    again = prepare.gather(four, day, "mine")
    assert (again.rows, again.labelled) == (whole.rows, whole.labelled)
    pd.testing.assert_frame_equal(Lake("shop").read("features").drop(columns="_run"), before)
    assert product_store("shop").list(STAGING) == []


def test_shards_of_rows_that_were_validated_anew_are_not_gathered(four: Product) -> None:
    day = four.calendar.parse(DAYS[0])
    for number in range(4):
        prepare.build_shard(four, day, number, "mine")
    validated(four)
    with pytest.raises(UsageError, match=r"shard 1 of 4: it was built of other rows than stand"):
        prepare.gather(four, day, "mine")


def test_shards_of_another_cut_or_other_code_are_not_gathered(four: Product) -> None:
    day = four.calendar.parse(DAYS[0])
    for number in range(4):
        prepare.build_shard(four, day, number, "mine")
    (four.folder / "features.py").write_text(FEATURES.replace("cumcount()", "cumcount() + 1"))
    with pytest.raises(UsageError, match="made by other code, or for another cut"):
        prepare.gather(load_product("shop", four.folder.parent), day, "mine")


def test_keys_that_only_several_shards_share_are_told(make_product: Callable[..., Product]) -> None:
    # each shard begins to count anew
    counted = FEATURES.replace("return orders", "return orders.assign(id=range(len(orders)))")
    product = cut(make_product, "shop", BY_ITEM.format(4), counted)
    validated(product)
    with pytest.raises(
        BuildError, match=r"shop, partition 2026-01-01: the key \['id'\] is not uni"
    ):
        prepare.run(product, product.calendar.parse(DAYS[0]))
    assert read_manifest("shop", "prepare", DAYS[0]) == {}


def test_an_error_names_the_partition_and_the_shard(make_product: Callable[..., Product]) -> None:
    product = cut(make_product, "shop", BY_ITEM.format(4), "def build(sources): return 1 / 0\n")
    validated(product)
    with pytest.raises(BuildError, match="shop, partition 2026-01-01, shard 1 of 4: features:"):
        prepare.run(product, product.calendar.parse(DAYS[0]))
    assert product_store("shop").list(STAGING) == []


def test_a_source_with_event_times_that_cannot_be_cut_is_told(
    make_product: Callable[..., Product],
) -> None:
    product = cut(make_product, "shop", BY_ITEM.format(4).replace("item", "customer"))
    validated(product)
    with pytest.raises(ContractError, match=r"shop.orders: .* no column 'customer', by which"):
        prepare.run(product, product.calendar.parse(DAYS[0]))


def test_a_day_without_events_is_empty_in_all_shards(four: Product) -> None:
    prepare.run(four, four.calendar.parse(DAYS[0]))
    header = more_orders().splitlines()[0]
    (four.folder / "orders.csv").write_text(header + "\nx,2026-01-09T00:00:00Z,i1,1,0,1\n")
    validated(four)
    result = prepare.run(four, four.calendar.parse(DAYS[0]))
    assert (result.rows, result.state) == (0, "no_data")
    assert Lake("shop").read("features").empty


def test_what_a_run_never_gathered_is_removed_by_upkeep(
    four: Product, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        prepare.build_shard(four, four.calendar.parse(DAYS[0]), 1, "lost")
    assert "none of the" not in caplog.text
    now = datetime.now(UTC)
    assert list(keep_staging("shop", now + timedelta(days=6), dry_run=False)) == []
    late = now + timedelta(days=8)
    told = list(keep_staging("shop", late, dry_run=True))
    assert told == ["shop: removed what the shards of lost left, which was never gathered"]
    assert product_store("shop").list(STAGING) != []
    assert list(keep_staging("shop", late, dry_run=False)) == told
    assert product_store("shop").list(STAGING) == []
