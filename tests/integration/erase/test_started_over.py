"""A product from which somebody was erased can start over, and they stay out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.integration.erase.conftest import ANNA, DAYS, Orders, holding
from tests.left_removal import leave
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.erase import asked_for, erase
from mlfactory.lake.catalog import ERASED
from mlfactory.lake.removal_note import removal_under_way
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.settings import settings


def reset() -> str:
    done = CliRunner().invoke(app, ["reset", "orders", "--yes"])
    assert done.exit_code == 0, done.output
    assert removal_under_way("orders") is None
    return done.output


def test_after_an_erasure_a_reset_ends_and_she_does_not_come_back(
    orders: Callable[..., Orders],
) -> None:
    shop = orders()
    shop.run("ingest", days=DAYS[:1])
    erase(shop.product, asked_for(shop.product, [f"email={ANNA}"], why="request 4711"))
    reset()
    assert all(name.startswith(f"{ERASED}/") for name in product_store("orders").list())
    shop.run("ingest", days=DAYS[:1])
    assert len(Lake("orders").read("raw_orders")) == 117
    assert not holding(ANNA)[ANNA]


def test_of_a_product_that_hashes_the_key_can_be_changed_by_a_reset(
    orders: Callable[..., Orders], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = orders("{email: hash}")
    shop.run("ingest", days=DAYS[:1])
    before = set(Lake("orders").read("raw_orders")["email"])
    reset()
    assert not product_store("orders").list()
    monkeypatch.setenv("MLFACTORY_PII_KEY", "another one, which is as long as it has to be")
    settings.cache_clear()
    shop.run("ingest", days=DAYS[:1])
    assert before.isdisjoint(Lake("orders").read("raw_orders")["email"])


def test_a_reset_ends_an_erasure_that_was_cut_off_and_says_so(
    orders: Callable[..., Orders],
) -> None:
    orders().run("ingest", days=DAYS[:1])
    leave("orders", erasure="0123")
    assert "an erasure from orders was cut off; it ends with this reset" in reset()
