from __future__ import annotations

from pathlib import Path

from mlfactory.product.code import product_function
from mlfactory.product.loader import load_product

PRODUCTS = Path(__file__).parents[3] / "include" / "products"


def test_wines_have_the_promised_columns_and_three_named_classes(build):
    product = load_product("wine_cultivar", PRODUCTS)
    wines = product_function(product, product.spec.sources["wines"].function)(None, None)
    built = build("wine_cultivar", {"wines": wines})

    assert built["wine"].is_unique
    assert built["cultivar"].value_counts().to_dict() == {
        "class_1": 71,
        "class_0": 59,
        "class_2": 48,
    }
    assert built[list(product.spec.features.inputs)].notna().all(axis=None)
