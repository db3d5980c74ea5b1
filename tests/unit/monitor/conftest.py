from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlfactory.product.loader import Product
from mlfactory.product.spec import ProductSpec

SpecOf = Callable[..., Product]


@pytest.fixture
def product_of() -> SpecOf:
    """Give a function that makes a product of a spec in which some sections are replaced."""

    def make(**sections: Any) -> Product:
        content: dict[str, Any] = {
            "apiVersion": "mlfactory/v1",
            "name": "rides",
            "partition": {"every": "month", "start": "2013-01-01"},
            "sources": {"rides": {"kind": "csv", "path": "rides.csv", "event_time": "at"}},
            "features": {"key": ["ride"], "event_time": "at", "numeric": ["x"]},
            "label": {"column": "late", "kind": "binary"},
        }
        return Product(ProductSpec.model_validate(content | sections), Path("rides"))

    return make
