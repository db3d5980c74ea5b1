"""What shards share: registers, labels that several tell, and a gathering that is begun again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from tests.integration.prepare.conftest import SPEC, Killed, orders, through
from tests.integration.prepare.test_shards import BY_ITEM, DAYS, cut, validated

from mlfactory import prepare
from mlfactory.lake.catalog import RESTORE, STAGING
from mlfactory.lake.holding import take
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import Store, as_json, product_store, store_at
from mlfactory.lake.tables import Lake
from mlfactory.prepare import staging
from mlfactory.prepare.cutting import load_shard
from mlfactory.product.errors import (
    BuildError,
    ContractError,
    IntegrityError,
    UsageError,
)
from mlfactory.product.loader import Product, load_product
from mlfactory.settings import settings
from mlfactory.upkeep.staging import keep_staging

pytestmark = pytest.mark.usefixtures("home")

UNCUT = "partition: {every: day, start: 2026-01-01}"
BY_THING = """
def build(sources):
    makers = sources["items"].rename(columns={"item": "maker"})
    found = sources["orders"].merge(makers, left_on="thing", right_on="code", how="left")
    found["seen_before"] = found.groupby("item").cumcount()
    return found
"""
TOLD_BY_THE_REGISTER = """
import pandas as pd

def build(sources):
    orders, items = sources["orders"], sources["items"]
    told = items.assign(at=pd.to_datetime(items["at"], utc=True))
    told["bad"] = LABEL
    today = orders[orders["at"] >= "2026-01-02"]
    return pd.concat([today, told]).assign(seen_before=1.0)
"""
PLAIN = "def build(sources):\n    return sources['orders'].assign(seen_before=1.0, colour='x')\n"

HOW_MANY_ITEMS = PLAIN.replace("seen_before=1.0", "seen_before=float(len(sources['items']))")

Make = Callable[..., Product]


@pytest.fixture
def four(make_product: Make) -> Product:
    """Give a shop of four shards whose first day is validated."""
    product = cut(make_product, "shop", BY_ITEM.format(4))
    validated(product)
    return product


def shop(
    make: Make, partition: str, build: str, files: dict[str, str], *changes: tuple[str, str]
) -> Product:
    """Return a shop named after its cut, with changes in its spec."""
    spec = re.sub("partition: .*", partition, SPEC)
    for old, new in (("name: shop", f"name: shop{len(partition)}"), *changes):
        spec = spec.replace(old, new)
    return make(spec, build, files)


def test_a_register_is_given_whole_whatever_its_columns_are_called(make_product: Make) -> None:
    header, *lines = orders().splitlines()
    things = [f"{line},c{place % 7 % 5}" for place, line in enumerate(lines)]
    files = {
        "orders.csv": "\n".join([f"{header},thing", *things]) + "\n",
        # here `item` is who made it
        "items.csv": "code,item,colour\n" + "".join(f"c{i},maker{i},blue{i}\n" for i in range(5)),
    }
    found = []
    for partition in (UNCUT, BY_ITEM.format(4)):
        product = shop(make_product, partition, BY_THING, files, ("key: [item]", "key: [code]"))
        through(product, DAYS[0])
        rows = Lake(product.name).read("features").drop(columns="_run")
        found.append(rows.sort_values("id", ignore_index=True))
    assert found[0]["colour"].nunique() == 5
    pd.testing.assert_frame_equal(found[1], found[0])


def told_twice(make: Make, partition: str, label: str) -> Product:
    header = "id,at,price,bad\n"
    items = "".join(f"1-{i},2026-01-01T{i:02}:00:00Z,1,{i % 2}\n" for i in range(20))
    build = TOLD_BY_THE_REGISTER.replace("LABEL", label)
    files = {"orders.csv": orders(), "items.csv": header + items}
    changes = ("key: [item]", "key: [id]"), ("categorical: [colour]", "categorical: []")
    product = shop(make, partition, build, files, *changes)
    for key in DAYS[:2]:
        validated(product, key)
    return product


def test_a_label_that_every_shard_tells_counts_once(make_product: Make) -> None:
    found = []
    for partition in (UNCUT, BY_ITEM.format(4)):
        product = told_twice(make_product, partition, "items['bad']")
        result = prepare.run(product, product.calendar.parse(DAYS[1]))
        assert (result.rows, result.labelled_earlier) == (19, 20)
        rows = Lake(product.name).read("labels").drop(columns="_run")
        found.append(rows.sort_values(["at", "id"], ignore_index=True))
    pd.testing.assert_frame_equal(found[1], found[0])


def test_a_label_that_shards_tell_differently_is_refused(make_product: Make) -> None:
    # what is told depends on the rows of the shard
    product = told_twice(make_product, BY_ITEM.format(4), "orders['item'].nunique() % 2")
    with pytest.raises(BuildError, match=r"labels of earlier events: the key \['id'\] is not uniq"):
        prepare.run(product, product.calendar.parse(DAYS[1]))
    assert read_manifest(product.name, "prepare", DAYS[1]) == {}


def test_a_try_outlives_the_end_of_one_that_was_thought_dead(
    four: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, once = four.calendar.parse(DAYS[0]), [True]

    def load(*given: object) -> object:
        if once and once.pop():
            prepare.build_shard(four, day, 0, "mine")
        return load_shard(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("mlfactory.prepare.shards.load_shard", load)
    first = prepare.build_shard(four, day, 0, "mine")
    assert first.rows == prepare.build_shard(four, day, 0, "mine").rows > 0


def built(product: Product) -> None:
    for number in range(4):
        prepare.build_shard(product, product.calendar.parse(DAYS[0]), number, "mine")


def test_a_gathering_that_was_killed_when_it_was_done_is_begun_again(
    four: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = four.calendar.parse(DAYS[0])
    built(four)

    def killed(store: Store, prefix: str = "") -> None:
        for name in sorted(store.list(prefix))[:3]:
            store.delete(name)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(type(product_store("shop")), "delete_all", killed)
        prepare.gather(four, day, "mine")
    before = read_manifest("shop", "prepare", DAYS[0])
    again = prepare.gather(four, day, "mine")
    assert product_store("shop").list(STAGING) == []
    assert (again.rows, again.labelled, again.state) == (19, 19, "ok")
    assert again.versions == before["outputs"]
    assert prepare.gather(four, day, "mine") == again
    assert read_manifest("shop", "prepare", DAYS[0]) == before


def test_what_was_gathered_and_is_built_or_validated_anew_is_not_taken_for_done(
    four: Product,
) -> None:
    day = four.calendar.parse(DAYS[0])
    built(four)
    prepare.gather(four, day, "mine")
    before = read_manifest("shop", "prepare", DAYS[0])
    built(four)
    prepare.gather(four, day, "mine")
    assert read_manifest("shop", "prepare", DAYS[0])["id"] != before["id"]
    prepare.build_shard(four, day, 0, "mine")
    with pytest.raises(UsageError, match="there is none of 1, 2, 3 in this run"):
        prepare.gather(four, day, "mine")
    staging.clear(four, "mine")
    validated(four)
    with pytest.raises(UsageError, match="there is none of 0, 1, 2, 3"):
        prepare.gather(four, day, "mine")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("features.py", "cumcount()", "cumcount() + 1"),
        ("product.yaml", "name: shop", "name: shop\ntitle: Other words"),
    ],
)
def test_what_was_gathered_for_other_code_or_another_spec_is_not_taken_for_done(
    four: Product, file: str, old: str, new: str
) -> None:
    day = four.calendar.parse(DAYS[0])
    built(four)
    prepare.gather(four, day, "mine")
    changed = four.folder / file
    changed.write_text(changed.read_text().replace(old, new))
    other = load_product("shop", four.folder.parent)
    assert (other.spec_hash, other.code_hash) != (four.spec_hash, four.code_hash)
    with pytest.raises(UsageError, match="there is none of 0, 1, 2, 3"):
        prepare.gather(other, day, "mine")


def test_without_by_the_first_source_with_event_times_is_cut_and_all_shards_see_the_others(
    make_product: Make,
) -> None:
    """Which rows belong together nothing tells, so those of another source are not cut beside."""
    timed = ("path: items.csv, key: [item]", "path: items.csv, event_time: at")
    items = "".join(f"i{each},2026-01-01T{each:02}:00:00Z\n" for each in range(8))
    files = {"orders.csv": orders(), "items.csv": "item,at\n" + items}
    partition = "partition: {every: day, start: 2026-01-01, shards: 4}"
    no_history = ("  history: 1 day\n", "")
    product = shop(make_product, partition, HOW_MANY_ITEMS, files, timed, no_history)
    assert through(product, DAYS[0]).rows == 19
    rows = Lake(product.name).read("features")
    assert len(rows) == 19
    assert rows["seen_before"].unique().tolist() == [8.0]


def test_a_source_without_any_value_of_by_yet_meets_every_type(make_product: Make) -> None:
    timed = ("path: items.csv, key: [item]", "path: items.csv, event_time: at")
    files = {"orders.csv": orders(), "items.csv": "item,at\n,2026-01-01T10:00:00Z\n"}
    product = shop(make_product, BY_ITEM.format(4), PLAIN, files, timed)
    assert through(product, DAYS[0]).rows == 19


def test_lists_are_no_column_to_cut_by(make_product: Make) -> None:
    parquet = ("csv, path: orders.csv", "parquet, path: o.parquet")
    files = {"items.csv": "item\ni1\n"}
    product = shop(make_product, BY_ITEM.format(4), PLAIN, files, parquet)
    times = pd.date_range("2026-01-01", periods=6, freq="h", tz="UTC")
    rows = {"id": range(6), "at": times, "item": [[1], [2]] * 3, "price": 1.0, "bad": 0}
    pd.DataFrame(rows).to_parquet(product.folder / "o.parquet")
    with pytest.raises(ContractError, match=r"shop.*\.orders: 'item', by which .* is list<"):
        through(product, DAYS[0])


def test_upkeep_counts_from_the_newest_try(four: Product) -> None:
    now = datetime.now(UTC)
    long_ago = (now - timedelta(days=8)).isoformat()
    prepare.build_shard(four, four.calendar.parse(DAYS[0]), 0, "mine")
    product_store("shop").write("staging/mine/begun.json", as_json({"begun": long_ago}))
    prepare.build_shard(four, four.calendar.parse(DAYS[0]), 1, "mine")
    assert list(keep_staging("shop", now, dry_run=False)) == []
    assert list(keep_staging("shop", now + timedelta(days=8), dry_run=True)) != []


def test_rows_are_not_cut_by_places_that_validation_did_not_count(make_product: Make) -> None:
    partition = "partition: {every: day, start: 2026-01-01, shards: 3}"
    files = {"orders.csv": orders(), "items.csv": "item\ni1\n"}
    product = shop(make_product, partition, PLAIN, files, ("  history: 1 day\n", ""))
    validated(product)
    # what it put aside is a row that is not there
    lake = Lake(product.name)
    aside = lake.read("quarantine")
    lake.replace(
        "quarantine", aside.drop(columns=["partition", "_run"]).assign(row=99), DAYS[0], "r"
    )
    with pytest.raises(IntegrityError, match="19 rows were accepted, and 20 came"):
        prepare.build_shard(product, product.calendar.parse(DAYS[0]), 0, "mine")


def test_no_shard_is_built_where_a_restore_was_cut_off(four: Product) -> None:
    day, lake = four.calendar.parse(DAYS[0]), store_at(settings().lake_uri)
    take(lake, RESTORE, "a restore", {"backup": "/srv/backup"}).let_go()
    with pytest.raises(UsageError, match="a restore of it was cut off"):
        prepare.build_shard(four, day, 0, "mine")
    lake.delete(RESTORE)
    assert prepare.build_shard(four, day, 0, "mine").shard == 0
