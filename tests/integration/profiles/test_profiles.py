"""What is kept of partitions while they go through validation and prepare, and the page of it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console
from tests.integration.prepare.conftest import ITEMS, SPEC, orders, through

from mlfactory import ingest, prepare, validate
from mlfactory.cli.profile import write_profile_page
from mlfactory.cycle.job import Job
from mlfactory.cycle.steps import STEPS
from mlfactory.lake import batches
from mlfactory.lake.catalog import (
    FEATURES,
    PROFILED,
    manifest_file,
    profile_page,
    profiled_file,
    raw,
    validation_page,
)
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.removal import remove_source
from mlfactory.lake.store import product_store, write_json
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, UsageError
from mlfactory.product.loader import Product
from mlfactory.profiles.kept import Profiled, forget_profiles, read_profiles
from mlfactory.profiles.page import page_of, write_page
from mlfactory.statistics.summary.association import Paired
from mlfactory.statistics.summary.table import Summary
from mlfactory.upkeep.pages import keep_pages

pytestmark = pytest.mark.usefixtures("home")

DAY, NEXT = "2026-01-01", "2026-01-02"
Make = Callable[..., Product]

BUILD = """
def build(sources):
    orders = sources["orders"].merge(sources["items"], on="item", how="left")
    orders["seen_before"] = orders.groupby("item").cumcount()
    return orders
"""


def make_shop(make: Make, spec: str = SPEC, text: str = "", build: str = BUILD) -> Product:
    return make(spec, build, {"orders.csv": text or orders(), "items.csv": ITEMS})


def kept(product: Product, table: str, key: str = DAY) -> Profiled:
    return read_profiles(product, table, [key])[key]


def text_of(product: Product, key: str = DAY) -> str:
    """Return what is read on a partition's page, and make sure that it needs nothing else."""
    html = page_of(product, product.calendar.parse(key)).render()
    assert "<script" not in html
    assert not re.search(r"(src|href)=\"(?!data:|\.\./)", html)
    seen = Text()
    seen.feed(html)
    return " ".join(seen.text.split())


class Text(HTMLParser):
    text = ""
    style = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.style = tag == "style"

    def handle_data(self, data: str) -> None:
        self.text += "" if self.style else f" {data}"


def same(one: Summary, other: Summary) -> None:
    """Make sure that two summaries tell the same of the rows."""
    assert one.rows == other.rows
    assert set(one.columns) == set(other.columns)
    for name, column in one.columns.items():
        twin = other.columns[name]
        told = [
            (each.kind, each.rows, each.missing, each.low, each.high) for each in (column, twin)
        ]
        assert told[0] == told[1]
        assert column.frequent == twin.frequent
        if column.spread is not None and twin.spread is not None:
            assert column.spread.keys.tolist() == twin.spread.keys.tolist()
            assert column.spread.counts.tolist() == twin.spread.counts.tolist()
        if column.label is not None and twin.label is not None:
            assert column.label.rows == twin.label.rows
            assert column.label.strength == pytest.approx(twin.label.strength, nan_ok=True)


def test_a_run_leaves_what_its_rows_are_like(make_product: Make) -> None:
    product = make_shop(make_product)
    through(product, DAY)
    landed = kept(product, raw("orders"))
    assert landed.summary.rows == 20
    price = landed.summary.columns["price"]
    assert (price.low, price.high, price.missing) == (-1.0, 19.0, 0)
    assert landed.version == Lake("shop").version(raw("orders"))
    assert "_landing" not in landed.summary.columns
    features = kept(product, FEATURES)
    # the row of the negative price is in quarantine
    assert features.summary.rows == 19
    assert features.summary.columns["price"].low == 0.0
    assert features.version == Lake("shop").version(FEATURES)


def test_how_features_go_with_the_label_is_told_as_of_when_it_was_known(make_product: Make) -> None:
    product = make_shop(make_product)
    through(product, DAY)
    features = kept(product, FEATURES)
    rows = Lake("shop").read(FEATURES, [DAY]).merge(Lake("shop").read("labels", [DAY]), on="id")
    found = features.summary.columns["price"].label
    assert isinstance(found, Paired)
    assert found.rows == len(rows) == 19
    assert found.strength == pytest.approx(np.corrcoef(rows["price"], rows["label"])[0, 1])
    landed = read_manifest("shop", "ingest", DAY)["started_at"]
    assert datetime.fromisoformat(features.labels_as_of) == datetime.fromisoformat(landed)
    assert f"known of 19 of 19 rows, as of {landed[:10]}" in text_of(product)


def test_labels_that_are_not_due_yet_count_in_nothing(make_product: Make) -> None:
    product = make_shop(
        make_product, SPEC.replace("arrives_after: 1 day", "arrives_after: 20000 days")
    )
    through(product, DAY)
    features = kept(product, FEATURES)
    assert features.summary.columns["price"].label is None
    assert features.summary.label is not None
    assert features.summary.label.missing == 19
    assert "known of 0 of 19 rows" in text_of(product)


def test_batches_and_shards_add_up_to_what_all_rows_say(
    make_product: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_shop(make_product)
    through(whole, DAY)
    spec = SPEC.replace("name: shop", "name: cut").replace("  history: 1 day\n", "")
    spec = re.sub(
        "partition: .*", "partition: {every: day, start: 2026-01-01, shards: 3, by: item}", spec
    )
    cut = make_shop(make_product, spec)
    monkeypatch.setattr(batches, "BATCH", 6)
    through(cut, DAY)
    for table in (raw("orders"), raw("items"), FEATURES):
        same(kept(whole, table).summary, kept(cut, table).summary)


def test_a_summary_of_rows_that_were_replaced_vouches_for_nothing(make_product: Make) -> None:
    product = make_shop(make_product)
    through(product, DAY)
    store, partition = product_store("shop"), product.calendar.parse(DAY)
    left = {table: store.read(profiled_file(table, DAY)) for table in (raw("orders"), FEATURES)}
    through(product, DAY)
    for table, content in left.items():
        assert read_profiles(product, table, [DAY])
        # as where a run that was thought dead writes its own after another's
        store.write(profiled_file(table, DAY), content)
        assert not read_profiles(product, table, [DAY])
    validate.run(product, partition)
    prepare.run(product, partition)
    assert read_profiles(product, raw("orders"), [DAY])
    ingest.run(product, partition)
    landed = read_manifest("shop", "ingest", DAY)["id"]
    judged = read_manifest("shop", "validate", DAY)["reads"][f"ingest/{DAY}"]
    assert bool(read_profiles(product, raw("orders"), [DAY])) == (landed == judged)
    (product.folder / "orders.csv").write_text(orders().replace(",3,", ",4,"))
    ingest.run(product, partition)
    assert not read_profiles(product, raw("orders"), [DAY])
    assert read_profiles(product, FEATURES, [DAY])


def test_a_run_that_is_cut_off_leaves_no_summary_that_counts(make_product: Make) -> None:
    product = make_shop(make_product)
    through(product, DAY)
    for stage, table in (("validate", raw("orders")), ("prepare", FEATURES)):
        # what a run does first, and last
        product_store("shop").delete(manifest_file(stage, DAY))
        assert not read_profiles(product, table, [DAY])
    assert "The partition was not prepared" in text_of(product)


def test_damage_is_left_out_and_told_on_the_page(make_product: Make) -> None:
    product = make_shop(make_product)
    for key in (DAY, NEXT):
        through(product, key)
    store = product_store("shop")
    store.write(profiled_file(FEATURES, DAY), b"PK")
    assert list(read_profiles(product, FEATURES, [DAY, NEXT])) == [NEXT]
    assert "nothing: no partition" not in text_of(product, NEXT)
    store.write(profiled_file(FEATURES, NEXT), b"")
    assert "There is no profile of these rows" in text_of(product, NEXT)


def test_what_cannot_be_profiled_stops_nothing(
    make_product: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    product = make_shop(make_product)
    monkeypatch.setattr("mlfactory.statistics.summary.table.column_of", lambda *_, **__: 1 / 0)
    assert through(product, DAY).rows == 19
    assert "it cannot be profiled" in caplog.text
    assert not product_store("shop").list(PROFILED)
    assert "There is no profile of these rows" in text_of(product)


def test_the_data_dags_steps_leave_the_page(make_product: Make) -> None:
    product = make_shop(make_product)
    job = Job(product=product, partition=product.calendar.parse(DAY))
    done = {name: STEPS[name](job) for name in ("ingest", "validate", "prepare")}
    for name in ("validate", "prepare"):
        assert done[name].pages["Profile"] == profile_page(DAY)
    page = product_store("shop").read(profile_page(DAY)).decode()
    assert f'href="../{validation_page(DAY)}"' in page
    assert "seen_before" in page


def test_a_partition_that_is_stopped_has_a_page_of_its_sources(make_product: Make) -> None:
    text = re.sub(r"(,i\d),\d+,", r"\1,-5,", orders())
    product = make_shop(make_product, text=text)
    job = Job(product=product, partition=product.calendar.parse(DAY))
    STEPS["ingest"](job)
    with pytest.raises(ContractError):
        STEPS["validate"](job)
    page = product_store("shop").read(profile_page(DAY)).decode()
    assert "Source orders" in page
    assert "The partition was not prepared" in page


def test_the_command_writes_the_page_of_what_is_known_and_says_where(make_product: Make) -> None:
    product = make_shop(make_product)
    with pytest.raises(UsageError, match="no partition was profiled yet"):
        write_profile_page(product, "newest", Console())
    for key in (DAY, NEXT):
        through(product, key)
    store, told = product_store("shop"), io.StringIO()
    assert not store.find(profile_page(NEXT))
    write_profile_page(product, "newest", Console(file=told, width=300))
    assert told.getvalue().strip() == f"shop {NEXT}: {store.address(profile_page(NEXT))}"
    assert store.find(profile_page(NEXT))
    write_profile_page(product, DAY, Console(file=told))
    assert store.find(profile_page(DAY))
    with pytest.raises(UsageError, match="nothing is known of it") as caught:
        write_profile_page(product, "2026-01-03", Console())
    assert f"those from {DAY} to {NEXT} were profiled" in str(caught.value)
    with pytest.raises(UsageError):
        write_profile_page(product, "../x", Console())


def test_upkeep_removes_profiles_with_the_pages_of_their_partition(
    make_product: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlfactory.upkeep.pages._NEWEST", 1)
    product = make_shop(make_product)
    for key in (DAY, NEXT):
        through(product, key)
        write_page(product, product.calendar.parse(key))
    later = datetime.now(UTC) + timedelta(days=10_000)
    assert any(line.startswith("profiled: 3 ") for line in keep_pages("shop", later, dry_run=False))
    left = [name for name in product_store("shop").list() if name.startswith("profile")]
    assert left
    assert all(NEXT in name for name in left)


def test_what_changed_comes_first(make_product: Make) -> None:
    rows = ["id,at,item,price,bad"]
    rng = np.random.default_rng(0)
    for day in range(1, 8):
        for i in range(300):
            price = rng.normal(100, 10) + (30 if day == 7 else 0)
            rows.append(f"{day}-{i},2026-01-0{day}T{i % 24:02}:00:00Z,i{i % 5},{price:.2f},{i % 2}")
    product = make_shop(make_product, text="\n".join(rows) + "\n")
    for day in range(1, 8):
        through(product, f"2026-01-0{day}")
    seen = text_of(product, "2026-01-07")
    changed = seen[seen.index("What changed") : seen.index("5 columns")]
    assert "Features price changed effect 0.8" in changed
    assert "median 99." in changed
    assert "colour" not in changed
    assert "the 6 partitions before it, 2026-01-01 to 2026-01-06" in seen
    assert "up to" in seen[: seen.index("What changed")]
    table = seen[seen.index("over 7 partitions") :]
    assert table.index("price") < table.index("colour") < table.index("seen_before")
    # in an old partition what came later is not known
    assert "2026-01-06" not in text_of(product, "2026-01-03")


def test_personal_data_is_on_no_page_and_in_no_summary(
    make_product: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFACTORY_PII_KEY", "k" * 40)
    spec = SPEC.replace("key: [id]}", "key: [id], pii: {mail: hash}}", 1)
    spec = spec.replace("categorical: [colour]", "categorical: [colour, mail]")
    lines = orders().splitlines()
    text = (
        "\n".join([f"{lines[0]},mail", *(f"{line},ann@example.com" for line in lines[1:])]) + "\n"
    )
    product = make_shop(make_product, spec, text)
    through(product, DAY)
    hashed = str(Lake("shop").read(raw("orders"), [DAY])["mail"].iloc[0])
    seen = text_of(product)
    assert "personal data: no value is shown" in seen
    for table in (raw("orders"), FEATURES):
        column = kept(product, table).summary.columns["mail"]
        assert (column.hidden, column.frequent, column.label) == (True, None, None)
        assert column.distinct is not None
        assert column.distinct.number == 1
    assert hashed not in page_of(product, product.calendar.parse(DAY)).render()
    assert "ann@" not in seen


def test_what_users_write_is_shown_as_it_is(make_product: Make) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    text = orders().replace("bad", f"bad,{hostile}", 1)
    lines = text.splitlines()
    text = "\n".join([lines[0], *(f"{line},</svg><script>" for line in lines[1:])]) + "\n"
    product = make_shop(make_product, text=text)
    through(product, DAY)
    html = page_of(product, product.calendar.parse(DAY)).render()
    assert "<img" not in html
    assert "<script" not in html
    assert hostile in text_of(product)
    assert "</svg><script>" in text_of(product)


def test_a_page_of_hundreds_of_columns_is_bounded_and_says_what_it_leaves_out(
    make_product: Make,
) -> None:
    count = 400
    names = ",".join(f"column_{i}" for i in range(count))
    rows = [
        f"{day}-{i},2026-01-0{day}T{i:02}:00:00Z,i1,1,1," + ",".join([str(i)] * count)
        for day in (1, 2)
        for i in range(3)
    ]
    text = "\n".join([f"id,at,item,price,bad,{names}", *rows]) + "\n"
    product = make_shop(make_product, text=text)
    for key in (DAY, NEXT):
        partition = product.calendar.parse(key)
        ingest.run(product, partition)
        validate.run(product, partition)
    page = page_of(product, product.calendar.parse(NEXT)).render()
    assert len(page) < 200_000
    assert "Not shown are 345 columns" in page
    assert "and 145 more" in page


def test_rows_that_go_away_take_their_profiles_along(make_product: Make) -> None:
    product = make_shop(make_product)
    for key in (DAY, NEXT):
        through(product, key)
        write_page(product, product.calendar.parse(key))
    store = product_store("shop")
    forget_profiles(product, [DAY])
    assert not [name for name in store.list() if "profile" in name and DAY in name]
    assert [name for name in store.list() if "profile" in name and NEXT in name]
    remove_source("shop", "orders")
    assert not store.list(f"{PROFILED}/{raw('orders')}")
    assert not store.find(profile_page(NEXT))


def test_partitions_without_rows_say_so(make_product: Make) -> None:
    product = make_shop(make_product)
    through(product, DAY)
    through(product, "2026-02-01")
    assert "There are no rows in this partition." in text_of(product, "2026-02-01")


def test_a_manifest_of_an_older_revision_has_no_profile(make_product: Make) -> None:
    product = make_shop(make_product)
    through(product, DAY)
    store = product_store("shop")
    for table in (FEATURES, raw("orders"), raw("items")):
        store.delete(profiled_file(table, DAY))
    write_json(store, manifest_file("validate", DAY), dict(read_manifest("shop", "validate", DAY)))
    said = text_of(product)
    assert f"mlfactory run shop {DAY} --stage validate" in said
    assert f"mlfactory run shop {DAY} --stage prepare" in said
