"""A manifest tells what a stage did and from what, and is there only if the stage ended well."""

from __future__ import annotations

import pandas as pd
import pytest

from mlfactory.lake import manifests, removal
from mlfactory.lake.at_work import under_way
from mlfactory.lake.manifests import manifest, read_manifest, read_manifests, stands_on
from mlfactory.lake.removal import end_removal, remove_everything, remove_source
from mlfactory.lake.removal_note import begin_removal
from mlfactory.lake.store import Store, product_store, write_json
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.product.loader import Product, load_product
from mlfactory.settings import REPOSITORY

pytestmark = pytest.mark.usefixtures("home")

KEY = "2013-01-01"


@pytest.fixture
def product() -> Product:
    return load_product("flight_delay", REPOSITORY / "include" / "products")


def test_a_manifest_names_what_made_its_stage(product: Product) -> None:
    with manifest(product, "prepare", KEY) as record:
        record.inputs["raw_flights"] = 3
        record.outputs["features"] = 4
        record.counts["rows"] = 27004
        record.facts["state"] = "ok"
    read = read_manifest(product.name, "prepare", KEY)
    assert read["inputs"] == {"raw_flights": 3}
    assert read["outputs"] == {"features": 4}
    assert read["counts"] == {"rows": 27004}
    assert read["facts"] == {"state": "ok"}
    assert read["spec_hash"] == product.spec_hash
    assert read["code_hash"] == product.code_hash
    assert read["seed"] == product.spec.train.seed
    assert len(read["lock_hash"]) == 16
    assert read["seconds"] >= 0


def test_a_stage_that_fails_leaves_no_manifest(product: Product) -> None:
    with pytest.raises(RuntimeError), manifest(product, "prepare", KEY):
        raise RuntimeError("killed")
    assert read_manifest(product.name, "prepare", KEY) == {}


def test_the_manifest_of_what_is_being_replaced_is_gone_before_the_first_write(
    product: Product,
) -> None:
    with manifest(product, "prepare", KEY):
        pass
    with pytest.raises(RuntimeError), manifest(product, "prepare", KEY):
        assert read_manifest(product.name, "prepare", KEY) == {}
        raise RuntimeError("killed after a table was written")
    assert read_manifest(product.name, "prepare", KEY) == {}


def test_a_stage_refused_before_it_wrote_keeps_the_manifest_that_stands(product: Product) -> None:
    with manifest(product, "ingest", KEY) as first:
        pass
    with pytest.raises(RuntimeError), manifest(product, "ingest", KEY, begin=False):
        raise RuntimeError("the source is away")
    assert read_manifest(product.name, "ingest", KEY)["id"] == first.id
    with pytest.raises(RuntimeError), manifest(product, "ingest", KEY, begin=False) as again:
        again.begin()
        raise RuntimeError("killed")
    assert read_manifest(product.name, "ingest", KEY) == {}


@pytest.mark.parametrize(("slow_rows", "quick_rows"), [(3, 2), (3, 0), (0, 2)])
@pytest.mark.parametrize("more_columns", [0, 40])
def test_of_two_runs_at_once_the_one_whose_rows_are_gone_leaves_no_manifest(
    product: Product, slow_rows: int, quick_rows: int, more_columns: int
) -> None:
    lake = Lake(product.name)
    # of columns behind the first 32 the log of a table tells nothing
    columns = {f"c{number}": range(3) for number in range(more_columns)}
    rows = pd.DataFrame({"id": range(3), **columns})
    lake.replace("features", rows, "2012-12-01", "another partition's run")
    with (
        pytest.raises(ServiceError, match="features were replaced by another run of prepare"),
        manifest(product, "prepare", KEY) as slow,
    ):
        slow.write(lake, "features", rows.head(slow_rows))
        with manifest(product, "prepare", KEY) as quick:
            quick.write(lake, "features", rows.head(quick_rows))
    assert read_manifest(product.name, "prepare", KEY)["id"] == quick.id
    assert set(lake.read("features", [KEY])["_run"]) == ({quick.id} if quick_rows else set())


def removed(product: Product) -> None:
    begin_removal(product.name, registry=False, force=True)
    list(remove_everything(product.name))
    end_removal(product.name)


def test_a_stage_beneath_which_all_was_removed_leaves_nothing(product: Product) -> None:
    lake, rows = Lake(product.name), pd.DataFrame({"id": range(3)})
    with (
        pytest.raises(UsageError, match="what prepare of 2013-01-01 read or wrote was removed"),
        manifest(product, "prepare", KEY) as record,
    ):
        record.write(lake, "features", rows)
        removed(product)
    assert product_store(product.name).list() == []
    # nor does it write what comes after
    with (
        pytest.raises(UsageError, match="removed by a reset"),
        manifest(product, "prepare", KEY) as record,
    ):
        removed(product)
        record.write(lake, "features", rows)
    assert product_store(product.name).list() == []


def test_a_stage_beneath_which_its_source_was_removed_leaves_no_manifest(product: Product) -> None:
    with (
        pytest.raises(UsageError, match="removed by a reset"),
        manifest(product, "ingest", KEY),
    ):
        remove_source(product.name, "flights", force=True)
    assert read_manifest(product.name, "ingest", KEY) == {}


@pytest.mark.parametrize("step", ["at_work", "manifests/ingest", "raw_flights"])
def test_no_stage_begins_anywhere_within_the_removal_of_a_source(
    product: Product, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tried = removal._remove, []

    def slow(store: Store, name: str) -> None:
        if name == step:
            with (
                pytest.raises(ServiceError, match="is being reset"),
                manifest(product, "ingest", KEY) as record,
            ):
                record.write(Lake(product.name), "raw_flights", pd.DataFrame({"id": [1]}))
            tried.append(name)
        real(store, name)

    monkeypatch.setattr(removal, "_remove", slow)
    remove_source(product.name, "flights")
    assert tried == [step]
    assert product_store(product.name).list() == []


def test_a_manifest_written_at_the_moment_of_a_removal_is_taken_back(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(store: Store, name: str, content: object) -> None:
        removed(product)
        write_json(store, name, content)

    with (
        pytest.raises(UsageError, match="removed by a reset"),
        manifest(product, "prepare", KEY),
    ):
        monkeypatch.setattr(manifests, "write_json", written)
    assert product_store(product.name).list() == []


def test_a_removal_does_not_begin_beneath_a_stage_nor_a_stage_beneath_a_removal(
    product: Product,
) -> None:
    with (
        manifest(product, "prepare", KEY),
        pytest.raises(UsageError, match="is being worked on: prepare of 2013-01-01"),
    ):
        begin_removal(product.name, registry=False)
    assert read_manifest(product.name, "prepare", KEY)
    begin_removal(product.name, registry=False)
    with pytest.raises(ServiceError, match="being reset"), manifest(product, "prepare", KEY):
        pass
    assert under_way(product.name) == []


def test_a_reader_stands_on_what_it_read_until_that_is_made_again(product: Product) -> None:
    with manifest(product, "ingest", KEY):
        pass
    with manifest(product, "validate", KEY) as record:
        record.has_read(read_manifest(product.name, "ingest", KEY), {})
    landed = read_manifest(product.name, "ingest", KEY)
    validated = read_manifest(product.name, "validate", KEY)
    assert validated["reads"] == {f"ingest/{KEY}": landed["id"]}
    assert stands_on(validated, landed)
    with manifest(product, "ingest", KEY):
        assert not stands_on(validated, read_manifest(product.name, "ingest", KEY))
    assert not stands_on(validated, read_manifest(product.name, "ingest", KEY))
    assert not stands_on({}, landed)


def test_a_manifest_of_an_older_revision_stands_on_nothing() -> None:
    landed = {"stage": "ingest", "name": KEY}
    assert not stands_on({"stage": "validate", "name": KEY}, landed)
    assert not stands_on({"reads": {f"ingest/{KEY}": ""}}, landed)


def test_manifests_are_read_together_and_those_of_hours_too(product: Product) -> None:
    for key in ("2013-01-01T05:00", "2013-01-01T06:00"):
        with manifest(product, "ingest", key) as record:
            record.counts["rows"] = int(key[11:13])
    found = read_manifests(product.name, "ingest", ["2013-01-01T06:00", "none", "2013-01-01T05:00"])
    assert {key: each["counts"]["rows"] for key, each in found.items()} == {
        "2013-01-01T06:00": 6,
        "2013-01-01T05:00": 5,
    }
