from __future__ import annotations

import pandas as pd
import pytest
from tests.left_removal import leave_cut_off

from mlfactory.lake import removal
from mlfactory.lake.catalog import PII_KEY
from mlfactory.lake.removal_note import refuse_half_removed
from mlfactory.lake.store import FolderStore, Store, product_store, write_text
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import UsageError

pytestmark = pytest.mark.usefixtures("home")


class Killed(BaseException):
    """Stands for a signal."""


def fill(product: str) -> None:
    for value in (1, 2, 3):
        Lake(product).replace("raw_orders", pd.DataFrame({"id": [value]}), "2026-01-01")
    for name in ("manifests/ingest/2026-01-01.json", "ledger/000001.json", "reports/x.html"):
        write_text(product_store(product), name, "{}")


def test_everything_of_one_product_goes_and_nothing_of_another() -> None:
    fill("shop")
    fill("shop_two")
    names = list(removal.remove_everything("shop"))
    assert names == ["ledger", "manifests", "raw_orders", "reports"]
    assert removal.held("shop") == {} and product_store("shop").list() == []
    assert Lake("shop").version("raw_orders") is None
    assert set(removal.held("shop_two")) == {"ledger", "manifests", "raw_orders", "reports"}
    assert Lake("shop_two").read("raw_orders")["id"].tolist() == [3]


def test_a_file_that_lies_in_no_folder_goes_too() -> None:
    fill("shop")
    write_text(product_store("shop"), PII_KEY, "{}")
    assert PII_KEY in list(removal.remove_everything("shop"))
    assert product_store("shop").list() == []


def test_a_source_goes_with_the_manifests_that_vouch_for_it() -> None:
    fill("shop")
    Lake("shop").replace("raw_prices", pd.DataFrame({"id": [1]}), "2026-01-01")
    removal.remove_source("shop", "orders")
    assert set(removal.held("shop")) == {"ledger", "raw_prices", "reports"}


def test_of_a_source_nothing_vouches_wherever_its_removal_was_killed_and_it_is_gone_on_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = removal._remove
    for cut in ("at_work", "manifests/ingest", "raw_orders"):
        fill("shop")

        def killed(store: Store, name: str, cut: str = cut) -> None:
            if name == cut:
                raise Killed
            real(store, name)

        with monkeypatch.context() as patch:
            patch.setattr(removal, "_remove", killed)
            with pytest.raises(Killed):
                removal.remove_source("shop", "orders")
        # the process that was to remove it is this one, and lives
        leave_cut_off("shop")
        with pytest.raises(UsageError, match="mlfactory reset shop --source orders goes on"):
            refuse_half_removed("shop")
        removal.remove_source("shop", "orders")
        refuse_half_removed("shop")
        assert set(removal.held("shop")) == {"ledger", "reports"}


def test_cut_off_anywhere_a_reader_finds_an_older_state_or_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What vouches is gone before what it vouches for, and removing again removes the rest."""
    whole = {name: getattr(FolderStore, name) for name in ("delete", "delete_all")}
    for target in range(1, 100):
        for name in whole:
            monkeypatch.setattr(FolderStore, name, whole[name])
        list(removal.remove_everything("shop"))
        fill("shop")
        done = 0

        def counted(name: str, target: int = target):
            def call(store: FolderStore, *arguments: str) -> None:
                nonlocal done
                done += 1
                if done == target:
                    raise Killed
                whole[name](store, *arguments)

            return call

        for name in whole:
            monkeypatch.setattr(FolderStore, name, counted(name))
        try:
            list(removal.remove_everything("shop"))
            break
        except Killed:
            left = removal.held("shop")
            if "raw_orders" in left and removal.is_table("shop", "raw_orders"):
                assert Lake("shop").read("raw_orders")["id"].tolist() in ([], [1], [2], [3])
                if Lake("shop").read("raw_orders")["id"].tolist() != [3]:
                    assert "manifests" not in left and "ledger" not in left
    assert 8 < target < 99
    assert removal.held("shop") == {}
