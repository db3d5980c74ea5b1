"""What a rehearsal looks at before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlfactory.lake import ledger
from mlfactory.lake.manifests import manifest
from mlfactory.lake.row_decisions import DecidedRow, RowDecision, decide, decisions_about
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.product.loader import Product, load_product
from mlfactory.rehearse import stage
from mlfactory.rehearse.borrowing import borrow, refuse_own_life
from mlfactory.settings import Settings, settings_of


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    with settings_of(Settings(_env_file=None, home=tmp_path)):
        yield load_product("flight_delay")


def decided(product: Product, **details: object) -> None:
    ledger.record(
        product.name,
        ledger.Entry("promoted", "2013-01-01", "better", details={"version": "1", **details}),
    )


def test_where_a_product_lives_nothing_is_rehearsed(product: Product) -> None:
    refuse_own_life(product)
    decided(product, **{ledger.RELEASED: "production"})
    refuse_own_life(product)
    decided(product)
    with pytest.raises(UsageError, match="its ledger has decisions of its own"):
        refuse_own_life(product)


def test_only_an_environment_without_a_champion_has_none(
    product: Product, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = Settings(_env_file=None, home=tmp_path / "there")
    assert stage._champion(product, there) is None
    with settings_of(there):
        decided(product, training_id="2013-01-01-a", digest="0" * 64)
    for wrong in (UsageError("its version 1 is gone"), ServiceError("MLflow does not answer")):

        def fails(*_: object, error: Exception = wrong, **__: object) -> None:
            raise error

        monkeypatch.setattr(stage, "release", fails)
        with pytest.raises(type(wrong)):
            stage._champion(product, there)


def test_what_was_decided_about_rows_comes_along_once(product: Product, tmp_path: Path) -> None:
    there = Settings(_env_file=None, home=tmp_path / "there")
    rows = {"a1": DecidedRow(row=3, record="{}", changes={"distance": "170"})}
    word = RowDecision("2013-01-01", "flights", "corrected", rows, why="a typing error", who="ada")
    with settings_of(there):
        with manifest(product, "ingest", "2013-01-01"):
            pass
        decide(product.name, word)
    for _ in range(2):
        borrow(product, ["2013-01-01"], there)
    [found] = decisions_about(product.name, "2013-01-01")
    assert (found.rows, found.who, found.why) == (rows, "ada", "a typing error")
    refuse_own_life(product)
