"""How partitions are cut must fit the sources, and is told with its place in the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlfactory.product.errors import Mistake

Finder = Callable[[str | dict[str, Any]], list[Mistake]]

ORDERS = {"kind": "csv", "path": "orders.csv", "event_time": "at"}
ITEMS = {"kind": "csv", "path": "items.csv"}


@pytest.mark.parametrize(
    ("cut", "change", "key", "says"),
    [
        ({"shards": 0}, {}, "partition.shards", "greater than or equal to 1"),
        ({"shards": 257}, {}, "partition.shards", "less than or equal to 256"),
        ({"by": "item"}, {}, "partition.by", "there is one; add shards: 8"),
        ({"shards": 2, "by": ["item", "item"]}, {}, "partition.by[1]", "stands already in it"),
        (
            {"shards": 2, "by": "itme"},
            {"sources": {"orders": {**ORDERS, "header": ["id", "at", "item"]}}},
            "partition.by",
            "the source 'orders' has event times and no column 'itme' (did you mean 'item'?)",
        ),
        (
            {"shards": 2, "by": "item"},
            {
                "sources": {
                    "orders": {**ORDERS, "types": {"item": "string"}},
                    "items": {**ITEMS, "event_time": "at", "types": {"item": "integer"}},
                }
            },
            "sources.items.types.item",
            "sources.orders says that it is string",
        ),
        (
            {"shards": 2},
            {"features": {"key": ["id"], "event_time": "at", "numeric": ["n"], "history": "1 day"}},
            "partition.shards",
            "name the columns whose rows belong together: by: customer",
        ),
        ({"shards": 2, "by": "_row"}, {}, "partition.by", "'_row' is a column of ours"),
        ({"shards": 2, "every": "snapshot"}, {}, "partition.shards", "a snapshot is built whole"),
    ],
)
def test_a_cut_that_does_not_fit_is_told(
    mistakes_of: Finder,
    spec_content: dict[str, Any],
    cut: dict[str, Any],
    change: dict[str, Any],
    key: str,
    says: str,
) -> None:
    sources = {"orders": ORDERS, "items": ITEMS}
    partition = {**spec_content["partition"], **cut}
    found = mistakes_of({**spec_content, "sources": sources, "partition": partition, **change})
    told = {mistake.key: mistake.message for mistake in found}
    assert key in told, told
    assert says in told[key]


def test_a_cut_that_fits_is_taken(mistakes_of: Finder, spec_content: dict[str, Any]) -> None:
    for cut in ({"shards": 8}, {"shards": 8, "by": "item"}, {"shards": 2, "by": ["item", "shop"]}):
        partition = {**spec_content["partition"], **cut}
        assert mistakes_of({**spec_content, "sources": {"o": ORDERS}, "partition": partition}) == []
