from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlfactory import ingest
from mlfactory.cycle.job import Job
from mlfactory.cycle.run import run_stages
from mlfactory.product.loader import Product, load_product
from mlfactory.settings import settings

SPEC = """\
apiVersion: mlfactory/v1
name: shop
partition: {{every: {every}, start: 2026-01-01}}
sources:
  orders: {{kind: {kind}, path: "{path}", event_time: at, key: [id]{more}}}
features: {{key: [id], event_time: at, numeric: [price]}}
label: {{column: bad, kind: binary}}
"""

NOW = datetime(2026, 1, 9, 6, tzinfo=UTC)
"""2026-01-08 is over."""

Put = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Product]]:
    """Return a function that makes the product `shop`, whose orders lie at a path."""
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("MLFACTORY_PRODUCTS", str(tmp_path / "products"))
    settings.cache_clear()

    def product(path: str, kind: str = "csv", every: str = "day", more: str = "") -> Product:
        folder = tmp_path / "products" / "shop"
        (folder / "orders").mkdir(parents=True, exist_ok=True)
        spec = SPEC.format(path=path, kind=kind, every=every, more=more)
        (folder / "product.yaml").write_text(spec)
        (folder / "features.py").write_text("def build(sources): return sources['orders']\n")
        return load_product("shop")

    yield product
    settings.cache_clear()


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Return a function that lets a CSV come: rows by the day they are of, with a price."""

    def write(name: str, rows: dict[str, int], price: int = 1) -> Path:
        path = tmp_path / "products" / "shop" / "orders" / name
        lines = [
            f"{name}{day}{number},2026-01-{day}T0{number % 10}:00:00Z,{price},0"
            for day, count in rows.items()
            for number in range(count)
        ]
        path.write_text("\n".join(["id,at,price,bad", *lines]) + "\n")
        an_hour_ago = path.stat().st_mtime - 3600
        os.utime(path, (an_hour_ago, an_hour_ago))
        return path

    return write


def land(product: Product, *days: str) -> None:
    for day in days:
        ingest.run(product, product.calendar.parse(f"2026-01-{day}"))


def land_arrived(product: Product, day: str, words: str) -> None:
    """Land a day for what has come, as its run does."""
    partition = product.calendar.parse(f"2026-01-{day}")
    list(run_stages(Job(product, partition, arrived=words), ["ingest"]))
