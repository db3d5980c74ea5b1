"""A champion to release."""

from __future__ import annotations

from tests.integration.shops import Shop

from mlfactory import promote


def champion(shop: Shop, cutoff: int = 3, **how: str) -> str:
    """Train a model that passes its gates, and return the training's id."""
    training = shop.train(cutoff, fit=[1, 2], **how)
    assert promote.run(shop.product, training).promoted
    return training
