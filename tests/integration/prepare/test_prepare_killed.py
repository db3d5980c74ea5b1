"""A run that is killed at any write, and run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.prepare.conftest import (
    Killed,
    assert_same,
    state,
    through,
)

from mlfactory.lake.catalog import VALIDATION
from mlfactory.lake.store import Store, product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.profiles.kept import read_profiles

pytestmark = pytest.mark.usefixtures("home")

WRITES = 21
"""Five tables, a manifest a stage and a mark that it is at work, a page, four files of Data Docs,
the rows of two files that were read once, and the summaries of three tables."""


def count_writes(monkeypatch: pytest.MonkeyPatch, kill_at: int | None = None) -> list[str]:
    """Let the write number `kill_at` fail; the list returned names each write as it comes."""
    seen: list[str] = []
    store = type(product_store("shop"))
    replace, write = Lake.replace, store.write

    def counted(name: str) -> None:
        seen.append(name)
        if len(seen) - 1 == kill_at:
            raise Killed

    def replacing(self: Lake, table: str, *arguments: Any) -> int:
        counted(table)
        return replace(self, table, *arguments)

    def writing(self: Store, name: str, content: bytes) -> None:
        counted(name)
        write(self, name, content)

    monkeypatch.setattr(Lake, "replace", replacing)
    monkeypatch.setattr(store, "write", writing)
    return seen


@pytest.mark.parametrize("place", range(WRITES))
def test_a_run_killed_at_any_write_and_run_again_ends_in_the_same_state(
    shop: Product, another_home: Callable[[str], None], place: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        writes = count_writes(patch)
        through(shop, "2026-01-01")
    assert len(writes) == WRITES
    expected, pages = state(shop), validation_pages()
    another_home("disturbed")
    with pytest.MonkeyPatch.context() as patch:
        count_writes(patch, kill_at=place)
        with pytest.raises(Killed):
            through(shop, "2026-01-01")
    through(shop, "2026-01-01")
    assert_same(state(shop), expected)
    assert validation_pages() == pages
    assert profiled(shop) == ["features", "raw_items", "raw_orders"]


def profiled(shop: Product) -> list[str]:
    """Return the tables whose summary is of the rows that are there."""
    tables = ("features", "raw_items", "raw_orders")
    return [each for each in tables if read_profiles(shop, each, ["2026-01-01"])]


def validation_pages() -> dict[str, bytes]:
    store = product_store("shop")
    return store.read_many(store.list(VALIDATION))
