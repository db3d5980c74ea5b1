"""The assets in which a product's DAGs meet; every event of theirs carries the partition's key."""

from __future__ import annotations

from dataclasses import dataclass

from airflow.sdk import Asset

from mlfactory.lake.catalog import FEATURES, PREDICTIONS


@dataclass(frozen=True)
class ProductAssets:
    """What a product's DAGs announce to each other."""

    features: Asset
    predictions: Asset
    retrain_request: Asset
    champion: Asset


def product_assets(product: str) -> ProductAssets:
    """Return the assets of `product`. Their URIs name them; where the bytes are is a setting."""

    def asset(name: str) -> Asset:
        path = f"{product}/{name}"
        return Asset(name=path, uri=f"mlfactory://{path}", group="mlfactory")

    return ProductAssets(
        features=asset(FEATURES),
        predictions=asset(PREDICTIONS),
        retrain_request=asset("retrain_request"),
        champion=asset("champion"),
    )
