"""An erasure that is killed anywhere is gone on with, by who does not know the value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from deltalake import DeltaTable
from tests.integration.erase.conftest import ANNA, DAYS, Orders, holding
from tests.left_removal import DEAD

from mlfactory.erase import asked_for, cut_off, erase
from mlfactory.lake import ledger, tables
from mlfactory.lake.catalog import AT_WORK, ERASED, ERASURE, REMOVAL
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.removal_note import removal_under_way
from mlfactory.lake.s3 import S3Store
from mlfactory.lake.store import FolderStore, product_store, write_json
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import UsageError

KILLS = 10


class Killed(BaseException):
    """Stands for a signal: nothing in the code may catch it and go on."""


class Killer:
    """Ends the process, so to speak, after so many writes that another process can see."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.writes = 0
        for store in (FolderStore, S3Store):
            for name in ("write", "create", "delete", "delete_all"):
                patch.setattr(store, name, self._watched(getattr(store, name)))
        patch.setattr(tables, "write_deltalake", self._watched(tables.write_deltalake))
        for name in ("vacuum", "create_checkpoint"):
            patch.setattr(DeltaTable, name, self._watched(getattr(DeltaTable, name)))

    def _watched(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            # on S3 one write may be made of several, each counted: it can be below nothing
            if self.left is not None and self.left <= 0:
                raise Killed
            done = write(*args, **kwargs)
            self.writes += 1
            self.left = None if self.left is None else self.left - 1
            return done

        return watched


def test_killed_anywhere_and_gone_on_with(
    orders: Callable[..., Orders], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = orders()
    shop.run("ingest", "validate", "prepare", days=DAYS[:2])
    shop.run("ingest", "validate", "prepare", days=DAYS[1:2])
    killer = Killer(monkeypatch)
    erasure = asked_for(shop.product, [f"email={ANNA}"], why="request 4711")
    kills, step = 0, 3
    while kills < 60:
        # each time it comes a bit further than the last time
        killer.left = step + 4 * kills
        try:
            erase(shop.product, erasure if not kills else cut_off(shop.product))
        except Killed:
            kills += 1
            killer.left = None
            _die()
            continue
        break
    killer.left = None
    assert KILLS <= kills < 60
    hers = [f"order-{number}'" for number in shop.hers]
    assert not any(holding(ANNA, *hers).values())
    assert removal_under_way("orders") is None
    [entry] = ledger.entries("orders", "erased")
    assert entry.details["counts"]["raw_orders"] == 6
    assert len(Lake("orders").read("raw_orders")) == 2 * 117
    # and all goes on
    shop.run("validate", "prepare", days=DAYS[:2])
    assert len(Lake("orders").read("features")) == 2 * 116


def test_while_it_is_cut_off_nothing_else_is_done(
    orders: Callable[..., Orders], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = orders()
    shop.run("ingest", "validate", days=DAYS[:1])
    killer = Killer(monkeypatch)
    killer.left = 6
    with pytest.raises(Killed):
        erase(shop.product, asked_for(shop.product, [f"email={ANNA}"], why="request 4711"))
    killer.left = None
    _die()
    with pytest.raises(UsageError, match="mlfactory erase orders --resume goes on with it"):
        shop.run("validate", days=DAYS[:1])
    with pytest.raises(UsageError, match="was cut off"):
        other = asked_for(shop.product, ["email=bert@example.org"], why="request 4712")
        erase(shop.product, other)
    erase(shop.product, cut_off(shop.product))
    shop.run("validate", days=DAYS[:1])


def test_killed_between_its_first_two_notes_it_is_gone_on_with(
    orders: Callable[..., Orders], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = orders()
    shop.run("ingest", days=DAYS[:1])
    erasure = asked_for(shop.product, [f"email={ANNA}"], why="request 4711", who="officer")
    killer = Killer(monkeypatch)
    killer.left = 1
    with pytest.raises(Killed):
        erase(shop.product, erasure)
    killer.left = None
    assert removal_under_way("orders") is not None and not product_store("orders").list(ERASED)
    _die()
    erase(shop.product, cut_off(shop.product))
    assert not holding(ANNA)[ANNA]
    [entry] = ledger.entries("orders", "erased")
    assert (entry.why, entry.who) == ("request 4711", "officer")


def test_killed_behind_its_entry_it_is_told_once_and_one_training_is_asked_for(
    orders: Callable[..., Orders], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = orders(more="retrain: {on_erasure: true}")
    shop.run("ingest", "validate", "prepare", days=DAYS[:3])
    shop.run("train", "promote", days=DAYS[2:3])
    before, kills = len(ledger.entries("orders", *ledger.REQUESTS)), iter((ERASURE, REMOVAL, ""))

    def killed(at: str, name: str) -> None:
        if name == at:
            raise Killed

    erasure = asked_for(shop.product, [f"email={ANNA}"], why="request 4711")
    for at in kills:
        with monkeypatch.context() as patch:
            for store in (FolderStore, S3Store):
                for method in ("delete", "delete_all"):
                    real = getattr(store, method)
                    patch.setattr(
                        store,
                        method,
                        lambda self, name="", real=real, at=at: (
                            killed(at, name),
                            real(self, name),
                        ),
                    )
            try:
                done = erase(shop.product, erasure)
            except Killed:
                assert at
                _die()
                erasure = cut_off(shop.product)
    [entry] = ledger.entries("orders", "erased")
    assert entry.details["counts"]["raw_orders"] == 9
    assert done.counts == entry.details["counts"] and done.trained[0].version == "1"
    assert len(ledger.entries("orders", *ledger.REQUESTS)) == before + 1
    assert "were erased" in done.asked


def test_one_that_was_taken_over_takes_nothing_away_that_the_other_has_made(
    orders: Callable[..., Orders], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = orders()
    shop.run("ingest", "validate", "prepare", days=DAYS[:1])
    replaced = Lake.replace
    others: list[str] = []

    def taken_over(lake: Lake, table: str, *given: Any, **more: Any) -> Any:
        if table == "features" and not others:
            others.append(table)
            erase(shop.product, cut_off(shop.product), force=True)
        return replaced(lake, table, *given, **more)

    monkeypatch.setattr(Lake, "replace", taken_over)
    with pytest.raises(UsageError, match=r"taken over|removed"):
        erase(shop.product, asked_for(shop.product, [f"email={ANNA}"], why="request 4711"))
    assert others
    assert len(Lake("orders").read("features")) == len(Lake("orders").read("labels"))
    assert read_manifest("orders", "prepare", DAYS[0])
    assert removal_under_way("orders") is None


def _die() -> None:
    """Let what was noted of this process be that of one which is gone."""
    store = product_store("orders")
    store.delete_all(AT_WORK)
    begun = removal_under_way("orders")
    assert begun is not None
    write_json(store, REMOVAL, asdict(replace(begun, process=DEAD)))
