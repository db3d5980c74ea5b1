"""What is shown of how fresh a partition's parts are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.arrivals.conftest import NOW, SPEC
from typer.testing import CliRunner

from mlfactory import ingest
from mlfactory.arrivals.taking import take
from mlfactory.cli.main import app
from mlfactory.product.loader import Product, load_product
from mlfactory.settings import settings


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("MLFACTORY_PRODUCTS", str(tmp_path / "products"))
    settings.cache_clear()
    folder = tmp_path / "products" / "shop"
    (folder / "orders").mkdir(parents=True)
    spec = SPEC.format(path="orders/*.csv", kind="csv", every="day", more="")
    (folder / "product.yaml").write_text(spec)
    (folder / "features.py").write_text("def build(sources): return sources['orders']\n")
    yield load_product("shop")
    settings.cache_clear()


def put(shop: Product, name: str, hour: int) -> None:
    rows = f"id,at,price,bad\n{name},2026-01-02T{hour:02}:30:00Z,1,0\n"
    (shop.folder / "orders" / name).write_text(rows)


def shown(*arguments: str, ends_with: int = 0) -> str:
    done = CliRunner().invoke(app, ["freshness", "shop", *arguments])
    assert done.exit_code == ends_with, done.output
    return done.output


def test_of_each_source_the_newest_event_is_shown_and_what_has_come_since(shop: Product) -> None:
    put(shop, "a.csv", 7)
    ingest.run(shop, shop.calendar.parse("2026-01-02"))
    first = shown()
    assert "2026-01-02 07:30" in first
    assert "a.csv" in first
    assert "brings" not in first
    put(shop, "b.csv", 9)
    assert "nobody has looked into a.csv, b.csv" in shown("2026-01-02")
    take(shop, "orders", NOW, quiet=0)
    told = shown("2026-01-02")
    assert "nobody has looked" not in told
    assert "b.csv brings" in " ".join(told.split())
    ingest.run(shop, shop.calendar.parse("2026-01-02"))
    landed = shown("2026-01-02")
    assert "2026-01-02 09:30" in landed
    assert "brings" not in landed


def test_a_partition_that_was_never_run_is_an_error(shop: Product) -> None:
    put(shop, "a.csv", 7)
    done = CliRunner().invoke(app, ["freshness", "shop", "2026-01-05"])
    assert done.exit_code != 0
    assert "nothing of it was ever run" in f"{done.output}{done.exception}"
