"""Fields that several forms of Airflow have, each asked for in the same way."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from mlfactory.product.loader import product_folders


def why(description: str = "Goes into the ledger with your name.") -> Param:
    """Return the field of the reason, which has to be given."""
    return Param(type="string", minLength=1, maxLength=500, title="Why", description=description)


def of_products(description: str) -> Param:
    """Return the field that names one of the products there are."""
    names = [folder.name for folder in product_folders()]
    known: dict[str, Any] = {"enum": names} if names else {}
    return Param(type="string", **known, title="Product", description=description)
