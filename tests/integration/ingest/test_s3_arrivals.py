"""What comes into a prefix of a real S3 server is found by listing it, and landed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from tests.s3.server import S3Server

from mlfactory import ingest
from mlfactory.arrivals.looking import look
from mlfactory.arrivals.new import new_of
from mlfactory.arrivals.taking import take
from mlfactory.lake import objects, s3
from mlfactory.lake.manifests import read_manifest
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product, load_product
from mlfactory.settings import settings

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: day, start: 2026-01-01}}
sources:
  orders: {{kind: csv, path: "s3://{bucket}/{path}", event_time: at, key: [id], watch: true}}
features: {{key: [id], event_time: at, numeric: [price]}}
label: {{column: bad, kind: binary}}
"""
NOW = datetime(2026, 1, 9, tzinfo=UTC)


@pytest.fixture
def folder(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(objects, "_WAITS", (0.01, 0.01))
    s3._client.cache_clear()
    folder = uuid4().hex
    yield folder
    s3_server.clear(folder)
    s3._client.cache_clear()


@pytest.fixture
def make(
    s3_server: S3Server, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Product]]:
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("MLFACTORY_PRODUCTS", str(tmp_path / "products"))
    settings.cache_clear()

    def product(path: str) -> Product:
        home = tmp_path / "products" / "shop"
        home.mkdir(parents=True, exist_ok=True)
        spec = SPEC.format(bucket=s3_server.bucket, path=f"{folder}/{path}")
        (home / "product.yaml").write_text(spec)
        (home / "features.py").write_text("def build(sources): return sources['orders']\n")
        return load_product("shop")

    yield product
    settings.cache_clear()


def put(server: S3Server, folder: str, name: str, *rows: str) -> None:
    content = "\n".join(["id,at,price", *rows, ""]).encode()
    server.client.put_object(Bucket=server.bucket, Key=f"{folder}/{name}", Body=content)


def told(product: Product) -> list[tuple[str, bool, str]]:
    return [(lack.key, lack.landed, lack.in_words) for lack in take(product, "orders", NOW).lacks]


@pytest.mark.parametrize("path", ["in/", "in/*.csv"])
def test_late_objects_of_a_prefix_are_told_and_landed(
    make: Callable[[str], Product], s3_server: S3Server, folder: str, path: str
) -> None:
    shop = make(path)
    put(s3_server, folder, "in/a.csv", "1,2026-01-02T00:00:00Z,5", "2,2026-01-03T00:00:00Z,6")
    second = shop.calendar.parse("2026-01-02")
    ingest.run(shop, second)
    assert told(shop) == []
    put(s3_server, folder, "in/b.csv", "3,2026-01-02T01:00:00Z,7")
    # an object is whole when it is there
    assert len(new_of(shop, "orders", look(shop, "orders"), datetime.now(UTC))) == 1
    assert told(shop) == [("2026-01-02", True, "orders: b.csv brings 1 row")]
    assert new_of(shop, "orders", look(shop, "orders"), datetime.now(UTC)) == []
    ingest.run(shop, second, arrived="orders: b.csv brings 1 row")
    assert told(shop) == []
    assert read_manifest("shop", "ingest", "2026-01-02")["counts"] == {"orders": 2}


def test_an_object_of_a_partition_s_own_is_told_by_its_name(
    make: Callable[[str], Product], s3_server: S3Server, folder: str
) -> None:
    shop = make("in/{partition}/part.csv")
    assert told(shop) == []
    put(s3_server, folder, "in/2026-01-02/part.csv", "1,2026-01-02T00:00:00Z,5")
    put(s3_server, folder, "in/other/part.csv", "1,2026-01-02T00:00:00Z,5")
    assert told(shop) == [("2026-01-02", False, "orders: part.csv has come")]
    ingest.run(shop, shop.calendar.parse("2026-01-02"))
    assert told(shop) == []


def test_an_object_that_is_gone_takes_no_landed_row_along(
    make: Callable[[str], Product], s3_server: S3Server, folder: str
) -> None:
    shop = make("in/*.csv")
    rows = ("1,2026-01-02T00:00:00Z,5", "2,2026-01-02T00:30:00Z,6")
    put(s3_server, folder, "in/a.csv", *rows)
    second = shop.calendar.parse("2026-01-02")
    ingest.run(shop, second)
    s3_server.client.delete_object(Bucket=s3_server.bucket, Key=f"{folder}/in/a.csv")
    put(s3_server, folder, "in/b.csv", "3,2026-01-02T01:00:00Z,7")
    with pytest.raises(ContractError, match=r"a\.csv is gone"):
        ingest.run(shop, second, arrived="orders: b.csv brings 1 row")
    assert read_manifest("shop", "ingest", "2026-01-02")["counts"] == {"orders": 2}
