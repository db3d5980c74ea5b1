from __future__ import annotations

import pandas as pd
import pytest

from mlfactory.lake import removal
from mlfactory.lake.at_work import at_work
from mlfactory.lake.store import FolderStore, product_store, write_text
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


def test_a_source_goes_with_the_manifests_that_vouch_for_it() -> None:
    fill("shop")
    Lake("shop").replace("raw_prices", pd.DataFrame({"id": [1]}), "2026-01-01")
    removal.remove_source("shop", "orders")
    assert set(removal.held("shop")) == {"ledger", "raw_prices", "reports"}


def test_it_does_not_begin_beneath_work_and_keeps_what_a_removal_noted_before() -> None:
    fill("shop")
    with at_work("shop", "score of 2026-01-01"):
        for removing in (
            lambda: removal.begin_removal("shop", registry=False),
            lambda: removal.refuse_beneath_work("shop"),
        ):
            with pytest.raises(UsageError, match="worked on: score of 2026-01-01, process"):
                removing()
        assert removal.removal_under_way("shop") is None
        removal.begin_removal("shop", registry=True, force=True)
        with pytest.raises(UsageError, match="worked on"):
            removal.begin_removal("shop", registry=False)
        assert removal.removal_under_way("shop") == {"registry": True}
    removal.begin_removal("shop", registry=False)


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
