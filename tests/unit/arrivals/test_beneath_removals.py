"""A look into files and the erasure of a subject do not go on at once: rows would come back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from tests.left_removal import leave
from tests.unit.arrivals.conftest import NOW, Put, land, make, put

from mlfactory.arrivals import known
from mlfactory.arrivals.taking import take
from mlfactory.ingest.split import Splitter
from mlfactory.lake.at_work import under_way
from mlfactory.lake.catalog import REMOVAL, arrivals_file
from mlfactory.lake.erased import Erasure
from mlfactory.lake.erasing import erasing
from mlfactory.lake.processes import this_process
from mlfactory.lake.removal import remove_everything
from mlfactory.lake.removal_note import begin_removal, removal_under_way
from mlfactory.lake.store import product_store
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.product.loader import Product

__all__ = ["make", "put"]

Make = Callable[..., Product]
ASKED = Erasure("0123456789abcdef", "key-1", (), "request 4711", "ada")


def test_nobody_is_erased_while_a_file_is_looked_into(
    make: Make, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    refused, finish = [], Splitter.finish

    def erased_meanwhile(*given: object) -> bool:
        with (
            pytest.raises(UsageError, match="look into files of orders") as error,
            erasing("shop", ASKED),
        ):
            pass
        refused.append(error)
        return finish(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(Splitter, "finish", erased_meanwhile)
    take(shop, "orders", NOW, quiet=0)
    assert len(refused) == 1
    assert under_way("shop") == []
    with erasing("shop", ASKED):
        assert removal_under_way("shop") is not None


def test_nothing_is_looked_into_while_somebody_is_erased_or_was_in_part(
    make: Make, put: Put
) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    store = product_store("shop")
    leave("shop", process=this_process())
    with pytest.raises(ServiceError, match="is being reset"):
        take(shop, "orders", NOW, quiet=0)
    leave("shop")
    with pytest.raises(UsageError, match="removed in part"):
        take(shop, "orders", NOW, quiet=0)
    assert [name for name in store.list() if name != REMOVAL] == []
    store.delete(REMOVAL)
    assert take(shop, "orders", NOW, quiet=0).left == 0
    assert store.list("received")


def test_a_look_beneath_which_all_was_removed_by_force_notes_nothing(
    make: Make, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    finish = Splitter.finish

    def reset_meanwhile(*given: object) -> bool:
        begin_removal("shop", force=True)
        list(remove_everything("shop"))
        product_store("shop").delete(REMOVAL)
        return finish(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(Splitter, "finish", reset_meanwhile)
    with pytest.raises(UsageError, match="removed by a reset"):
        take(shop, "orders", NOW, quiet=0)
    assert product_store("shop").find(arrivals_file("orders")) is None


def test_of_two_who_begin_to_look_the_first_says_what_lay_there(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    land(shop, "02")
    known.begin("shop", "orders", ["a.csv"])
    take(shop, "orders", datetime.now(UTC), quiet=0)
    before = known.read_known("shop", "orders")
    assert before.files
    # whoever found nobody before, and comes second
    known.begin("shop", "orders", ["a.csv", "b.csv"])
    assert known.as_told(known.read_known("shop", "orders")) == known.as_told(before)
