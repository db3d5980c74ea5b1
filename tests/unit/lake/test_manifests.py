"""A manifest tells what a stage did, and is there only if the stage ended well."""

from __future__ import annotations

import pytest

from mlfactory.lake.manifests import manifest, read_manifest
from mlfactory.product.loader import Product, load_product
from mlfactory.settings import REPOSITORY

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def product() -> Product:
    return load_product("flight_delay", REPOSITORY / "include" / "products")


def test_a_manifest_names_what_made_its_stage(product: Product) -> None:
    with manifest(product, "prepare", "2013-01-01") as record:
        record.inputs["raw_flights"] = 3
        record.counts["rows"] = 27004
    read = read_manifest(product.name, "prepare", "2013-01-01")
    assert read["inputs"] == {"raw_flights": 3}
    assert read["counts"] == {"rows": 27004}
    assert read["spec_hash"] == product.spec_hash
    assert read["seed"] == product.spec.train.seed
    assert len(read["lock_hash"]) == 16
    assert read["seconds"] >= 0


def test_a_stage_that_fails_leaves_no_manifest(product: Product) -> None:
    with pytest.raises(RuntimeError), manifest(product, "prepare", "2013-01-01"):
        raise RuntimeError("killed")
    assert read_manifest(product.name, "prepare", "2013-01-01") == {}
