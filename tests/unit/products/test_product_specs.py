from __future__ import annotations

from pathlib import Path

import pytest

from mlfactory.product.loader import load_product, load_products

PRODUCTS = Path(__file__).parents[3] / "include" / "products"


def test_every_product_loads() -> None:
    products, errors = load_products(PRODUCTS)
    assert not errors
    assert {"flight_delay", "flight_air_time", "wine_cultivar"} <= {p.name for p in products}


@pytest.mark.parametrize(
    ("name", "kind", "every"),
    [
        ("flight_delay", "binary", "month"),
        ("flight_air_time", "regression", "month"),
        ("wine_cultivar", "multiclass", "snapshot"),
    ],
)
def test_the_products_differ_in_label_and_time(name: str, kind: str, every: str) -> None:
    spec = load_product(name, PRODUCTS).spec
    assert (spec.label.kind, spec.partition.every) == (kind, every)
