"""The index of features as a page."""

from __future__ import annotations

from collections.abc import Sequence

from mlfactory.report.page import Page
from mlfactory.trainings.feature_index import Feature

COLUMNS = ("feature", "kind", "made of", "owner", "versions that use it", "description")


def feature_page(features: Sequence[Feature]) -> Page:
    """Return a page with the features, a section for each product."""
    products = list(dict.fromkeys(feature.product for feature in features))
    title = f"{products[0]}: features" if len(products) == 1 else "Features"
    page = Page(title, "What a model is given, and which versions of it were trained with it")
    for product in products:
        if len(products) > 1:
            page.section(product)
        page.table(COLUMNS, [cells(one) for one in features if one.product == product])
    return page


def cells(feature: Feature) -> list[str]:
    """Return what the columns have of a feature."""
    return [
        feature.name,
        feature.kind,
        feature.made,
        feature.owner,
        ", ".join(feature.versions),
        feature.description,
    ]
