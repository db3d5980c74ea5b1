"""The index of features says what each is made of, and which versions were trained with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.left_trainings import pinned
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.lake import ledger
from mlfactory.lake.ledger import Entry
from mlfactory.product.loader import Product, load_product
from mlfactory.settings import settings
from mlfactory.trainings.feature_index import features_of
from mlfactory.trainings.files import pin

SPEC = """\
apiVersion: mlfactory/v1
name: shop
owner: {team: tills}
partition: {every: day, start: 2026-01-01}
sources:
  orders: {kind: csv, path: orders.csv, event_time: at}
  items: {kind: csv, path: items.csv, key: [item]}
features:
  key: [id]
  event_time: at
  numeric: [price, returns_7d, returns_1d, weight]
  categorical: [colour]
  sensitive: [street]
  history: 7 days
  joined:
    - {source: items, by: {thing: item}, make: {weight: grams}}
  windows:
    - source: orders
      by: customer
      over: [7 days, 1 day]
      known_after: 6 hours
      make: {"returns_{over}": {how: rate, of: back, at_least: 1, prior: 2.5}}
  describe: {price: "in euros, <b>with</b> tax"}
label: {column: bad, kind: binary}
"""
OLD = SPEC.split("  numeric")[0] + "  numeric: [price, age]\n" + SPEC.split("weight]\n")[1]
OLD = OLD.replace("history: 7 days", "a_word_of_old: 7 days")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFACTORY_PRODUCTS", str(tmp_path / "products"))
    settings.cache_clear()
    folder = tmp_path / "products" / "shop"
    folder.mkdir(parents=True)
    (folder / "product.yaml").write_text(SPEC)
    (folder / "features.py").write_text("def build(sources):\n    return sources['orders']\n")
    yield folder
    settings.cache_clear()


@pytest.fixture
def decide(folder: Path) -> Callable[[str, str, str], Product]:
    """Return a function that leaves a training with some spec, and what was decided about it."""

    def leave(version: str, event: str, spec: str) -> Product:
        product = load_product("shop")
        as_it_was = Product(product.spec, product.folder, spec)
        training = f"2026-01-0{version}.x"
        pin(pinned(product, training, f"2026-01-0{version}", []), as_it_was)
        details = {"version": version, "seen_through": f"2026-01-0{version}"}
        entry = Entry(
            "promoted" if event == "promoted" else "rejected",
            f"2026-01-0{version}",
            "for a test",
            subject=training,
            details=details,
        )
        ledger.record("shop", entry)
        return product

    return leave


def test_each_feature_says_what_it_is_made_of_and_who_uses_it(
    decide: Callable[[str, str, str], Product],
) -> None:
    decide("1", "promoted", OLD)
    decide("2", "rejected", SPEC)
    product = decide("3", "promoted", SPEC)
    found = {feature.name: feature for feature in features_of(product)}

    assert list(found) == [
        *("price", "returns_7d", "returns_1d", "weight", "colour", "street", "age"),
    ]
    assert {feature.owner for feature in found.values()} == {"tills"}
    assert found["price"].made == "features:build"
    assert found["price"].description == "in euros, <b>with</b> tax"
    assert found["price"].versions == ("1 (previous)", "2", "3 (champion)")
    rate = "rate of orders.back at least 1 by customer, prior 2.5, 7d, known after 6h"
    assert found["returns_7d"].made == rate
    assert found["returns_1d"].versions == ("2", "3 (champion)")
    assert found["weight"].made == "newest items.grams by thing=item"
    assert (found["street"].kind, found["street"].versions) == ("sensitive", ())
    assert found["age"].made == "not in product.yaml any more"
    assert found["age"].versions == ("1 (previous)",)


def test_the_index_is_printed_of_all_products_and_written_as_a_page(
    folder: Path, tmp_path: Path
) -> None:
    page = tmp_path / "features.html"
    broken = folder.parent / "broken"
    broken.mkdir()
    (broken / "product.yaml").write_text("apiVersion: mlfactory/v1\n")
    done = CliRunner().invoke(app, ["features", "--page", str(page)])
    assert done.exit_code == 1
    assert "returns_1d" in done.output
    assert "broken" in done.output
    text = page.read_text()
    assert "in euros, &lt;b&gt;with&lt;/b&gt; tax" in text
    one = CliRunner().invoke(app, ["features", "shop"])
    assert (one.exit_code, "newest items.grams" in one.output) == (0, True)
