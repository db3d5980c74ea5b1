"""Rows are read only where the newest manifest is about them, whole and in batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from tests.left_rows import leave_rows

from mlfactory.lake import batches, vouched
from mlfactory.lake.manifests import manifest, read_manifest
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import batches_of_run, completed_rows, vouched_batches
from mlfactory.product.errors import ContractError, IntegrityError, ServiceError
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources: {orders: {kind: csv, path: orders.csv, event_time: at}}
features: {key: [id], event_time: at, numeric: [price]}
label: {column: bad, kind: binary}
"""
FIRST, SECOND = "2026-01-01", "2026-01-02"


vouched_rows, rows_of_run = vouched.vouched_rows, vouched.rows_of_run


@pytest.fixture(params=["whole", "in batches"], autouse=True)
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test read rows in both ways."""
    if request.param == "in batches":
        monkeypatch.setattr(batches, "BATCH", 1)
        for name, read in {"vouched_rows": vouched_batches, "rows_of_run": batches_of_run}.items():
            monkeypatch.setitem(globals(), name, _gathered(read))


def _gathered(read: Callable[..., Iterator[pa.Table]]) -> Callable[..., pd.DataFrame]:
    def gathered(*given: Any, **named: Any) -> pd.DataFrame:
        found = [batch.to_pandas() for batch in read(*given, **named)]
        assert all(len(each) <= 1 for each in found)
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame()

    return gathered


@pytest.fixture
def product(home: None, make_product: Callable[..., Product]) -> Product:
    made = make_product(SPEC)
    for key in (FIRST, SECOND):
        leave_rows(made, key, features=pd.DataFrame({"id": ["a", "b"], "price": [1.0, 2.0]}))
    return made


def killed(product: Product, key: str) -> None:
    """Let a run of prepare write its rows and be killed; the manifest of a newer one stays."""
    Lake(product.name).replace("features", pd.DataFrame({"id": ["old"]}), key, run="older")


def test_a_manifest_names_the_version_that_its_own_run_made(product: Product) -> None:
    first, second = (read_manifest("shop", "prepare", key) for key in (FIRST, SECOND))
    assert first["outputs"] == {"features": 1}
    assert second["outputs"] == {"features": 2}
    assert first["written"] == {"features": 2}
    before = Lake("shop").read("features", [FIRST], version=1)
    assert set(before["_run"]) == {first["id"]}


def test_rows_of_completed_runs_come_without_the_column_of_the_run(product: Product) -> None:
    rows = vouched_rows("shop", "features", [FIRST, SECOND])
    assert list(rows.columns) == ["id", "price", "partition"]
    assert len(rows) == 4
    columns = list(vouched_rows("shop", "features", [FIRST], columns=["price"]))
    assert columns in (["price"], ["price", "partition"])


def test_rows_that_a_killed_run_left_below_a_newer_manifest_are_left_out_and_told(
    product: Product, caplog: pytest.LogCaptureFixture
) -> None:
    killed(product, FIRST)
    with caplog.at_level(logging.WARNING):
        rows = vouched_rows("shop", "features", [FIRST, SECOND], columns=["partition", "id"])
    assert set(rows["partition"]) == {SECOND}
    assert f"partition {FIRST}: its features are left out" in caplog.text
    with pytest.raises(ServiceError, match="replaced by another run of prepare") as caught:
        rows_of_run("shop", "features", FIRST, read_manifest("shop", "prepare", FIRST))
    assert f"mlfactory run shop {FIRST} --stage prepare --downstream" in caught.value.remedy


def test_a_partition_that_is_asked_about_is_not_left_out_in_silence(product: Product) -> None:
    killed(product, FIRST)
    with pytest.raises(ServiceError, match=f"partition {FIRST}: its features are being replaced"):
        vouched_rows("shop", "features", [FIRST, SECOND], required=[FIRST])
    assert len(vouched_rows("shop", "features", [FIRST, SECOND], required=[SECOND])) == 2


def test_a_partition_that_is_only_looked_at_beside_others_is_left_out_whatever_is_wrong(
    product: Product, caplog: pytest.LogCaptureFixture
) -> None:
    made_by_an_older_revision(product, FIRST)
    with caplog.at_level(logging.WARNING):
        rows = vouched_rows("shop", "features", [FIRST, SECOND], spared=[FIRST])
    assert set(rows["partition"]) == {SECOND}
    assert f"{FIRST}: its features are left out, as an older revision of prepare" in caplog.text
    product_store("shop").delete_all("features")
    with caplog.at_level(logging.WARNING):
        assert vouched_rows("shop", "features", [FIRST, SECOND], spared=[FIRST, SECOND]).empty
    assert f"{SECOND}: its features are left out, as rows are gone that prepare" in caplog.text
    with pytest.raises(IntegrityError, match=f"rows of partition {SECOND} are gone"):
        vouched_rows("shop", "features", [FIRST, SECOND], spared=[FIRST])


def test_rows_of_a_run_without_a_manifest_are_left_out(product: Product) -> None:
    with pytest.raises(RuntimeError), manifest(product, "prepare", FIRST) as record:
        record.write(Lake("shop"), "features", pd.DataFrame({"id": ["new"]}))
        raise RuntimeError("killed")
    assert set(vouched_rows("shop", "features", [FIRST, SECOND])["partition"]) == {SECOND}


def test_a_table_that_is_gone_is_no_partition_without_rows(product: Product) -> None:
    product_store("shop").delete_all("features")
    with pytest.raises(IntegrityError, match=f"rows of partition {FIRST} are gone"):
        vouched_rows("shop", "features", [FIRST, SECOND])
    with pytest.raises(IntegrityError, match=f"rows of partition {FIRST} are gone"):
        rows_of_run("shop", "features", FIRST, read_manifest("shop", "prepare", FIRST))


def test_a_partition_without_rows_and_one_that_was_never_run_give_none(product: Product) -> None:
    leave_rows(product, FIRST, features=pd.DataFrame({"id": []}))
    assert vouched_rows("shop", "features", [FIRST, "2026-01-05"]).empty
    assert vouched_rows("shop", "predictions", [FIRST], columns=["score"]).empty


def test_rows_without_a_manifest_are_of_a_run_at_work_and_no_rows_are_no_data(
    product: Product,
) -> None:
    assert rows_of_run("shop", "features", "2026-01-05", {}).empty
    with pytest.raises(ServiceError, match="replaced by another run of prepare"):
        rows_of_run("shop", "features", FIRST, {})


def made_by_an_older_revision(product: Product, key: str) -> None:
    """Let rows be those of a revision that did not name runs in them."""
    Lake(product.name).replace("features", pd.DataFrame({"id": ["a"], "price": [1.0]}), key)


def test_rows_of_an_older_revision_are_told_as_such_and_are_not_no_rows(
    product: Product,
) -> None:
    made_by_an_older_revision(product, FIRST)
    with pytest.raises(ContractError, match=f"{FIRST} were made by an older revision") as caught:
        vouched_rows("shop", "features", [FIRST, SECOND])
    assert f"mlfactory run shop {FIRST} --stage prepare --downstream" in caught.value.remedy
    with pytest.raises(ContractError, match="older revision"):
        rows_of_run("shop", "features", FIRST, read_manifest("shop", "prepare", FIRST))
    assert len(vouched_rows("shop", "features", [SECOND])) == 2


def test_a_table_of_an_older_revision_is_no_table_without_rows(product: Product) -> None:
    product_store("shop").delete_all("features")
    made_by_an_older_revision(product, FIRST)
    with pytest.raises(ContractError, match="older revision"):
        vouched_rows("shop", "features", [FIRST])
    with pytest.raises(ContractError, match="older revision"):
        rows_of_run("shop", "features", FIRST, read_manifest("shop", "prepare", FIRST))


def test_a_picture_shows_the_rows_of_completed_runs_and_stops_for_no_others(
    product: Product,
) -> None:
    keys = [FIRST, SECOND, "2026-01-05"]
    assert len(completed_rows("shop", "features", keys)) == 4
    killed(product, FIRST)
    assert set(completed_rows("shop", "features", keys, columns=["partition"])["partition"]) == {
        SECOND
    }
    made_by_an_older_revision(product, FIRST)
    assert len(completed_rows("shop", "features", keys)) == 2
    product_store("shop").delete_all("features")
    assert completed_rows("shop", "features", keys, columns=["id"]).empty


def test_rows_that_are_gone_from_their_files_are_told_at_the_end_of_the_batches(
    product: Product,
) -> None:
    found = vouched_batches("shop", "features", [FIRST, SECOND], columns=["id"])
    store = product_store("shop")
    for name in store.list("features"):
        if SECOND in name and name.endswith(".parquet"):
            first = next(name for name in store.list("features") if f"partition={FIRST}" in name)
            pa.parquet.write_table(
                pa.parquet.read_table(pa.BufferReader(store.read(first)), partitioning=None)[:1],
                store.address(name),
            )
    with pytest.raises(IntegrityError, match="are gone"):
        list(found)
