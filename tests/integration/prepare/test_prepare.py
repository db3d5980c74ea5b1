from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from tests.integration.prepare.conftest import (
    FEATURES,
    ITEMS,
    SPEC,
    assert_same,
    orders,
    state,
    through,
)

from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import (
    BuildError,
)
from mlfactory.product.loader import Product, load_folder

pytestmark = pytest.mark.usefixtures("home")


def test_features_and_labels_leave_out_quarantined_rows(shop: Product) -> None:
    result = through(shop, "2026-01-01")
    assert (result.rows, result.labelled, result.state) == (19, 19, "ok")
    features = Lake("shop").read("features")
    assert "1-7" not in set(features["id"])
    assert features["id"].is_monotonic_increasing


def test_a_partition_without_events_is_a_state_and_empties_what_was_there(shop: Product) -> None:
    assert through(shop, "2026-02-01").state == "no_data"
    assert Lake("shop").version("features") is None
    through(shop, "2026-01-01")
    (shop.folder / "orders.csv").write_text("id,at,item,price,bad\n2-1,2026-01-02,i1,1,0\n")
    assert through(shop, "2026-01-01").state == "no_data"
    assert Lake("shop").read("features").empty
    assert Lake("shop").read("labels").empty


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


@pytest.mark.parametrize("at", ["2026-01-02T00:00:00Z", "2026-01-01T23:59:59.999999Z"])
def test_an_event_exactly_at_the_end_is_of_the_next_partition(shop: Product, at: str) -> None:
    (shop.folder / "orders.csv").write_text(orders(2) + f"edge,{at},i1,1,0\n")
    through(shop, "2026-01-01")
    through(shop, "2026-01-02")
    rows = Lake("shop").read("features").set_index("id")
    assert rows.loc["edge", "partition"] == at[:10]


def test_manifests_name_the_versions_of_the_tables_that_were_read(shop: Product) -> None:
    through(shop, "2026-01-01")
    through(shop, "2026-01-02")
    sources = Lake("shop").versions("raw_orders", "raw_items")
    read = Lake("shop").versions("raw_orders", "raw_items", "quarantine")
    assert read_manifest("shop", "validate", "2026-01-02")["inputs"] == sources
    assert read_manifest("shop", "prepare", "2026-01-02")["inputs"] == read
    earlier = read_manifest("shop", "prepare", "2026-01-01")["inputs"]
    assert set(earlier) == set(read) and earlier["raw_orders"] < read["raw_orders"]
