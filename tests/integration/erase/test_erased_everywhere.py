"""Whoever is erased is in no file any more, and does not come back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.integration.erase.conftest import ANNA, KEY, Orders, holding

from mlfactory.erase import asked_for, erase, look_for
from mlfactory.ingest.subjects import hashed_text
from mlfactory.lake import ledger
from mlfactory.lake.requests import unanswered
from mlfactory.lake.tables import Lake

STAGES = ("ingest", "validate", "prepare", "score", "monitor")


@pytest.fixture
def lived(orders: Callable[..., Orders]) -> Orders:
    """Give a shop that has landed, decided, trained, scored and watched."""
    made = orders(more="retrain: {on_erasure: true}")
    live(made)
    return made


def live(shop: Orders) -> None:
    from mlfactory.quarantine import Choice, release

    shop.run("ingest", "validate", "prepare")
    slot = shop.product.calendar.parse("2024-01-02")
    release(shop.product, slot, Choice((), True), why="seen", who="me")
    shop.run("validate", "prepare", days=("2024-01-02", "2024-01-03"))
    shop.run("train", "promote", days=("2024-01-03",))
    shop.run("score", "monitor", days=("2024-01-04",))
    # old versions, in which she is as well
    shop.run("ingest", "validate", "prepare", days=("2024-01-04",))
    shop.run("score", "monitor", days=("2024-01-04",))


def test_no_file_has_her_any_more(lived: Orders) -> None:
    order = f"order-{lived.hers[-3]}'"
    before = holding(ANNA, order, "order-2000'")
    tables = {where.split("/orders/")[-1].split("/")[0] for where in before[ANNA]}
    assert {"raw_orders", "raw_people", "quarantine", "received", "row_decisions"} <= tables
    assert any("/predictions/" in where for where in before[order])
    assert any("/trainings/" in where for where in before["order-2000'"])

    erasure = asked_for(lived.product, [f"email={ANNA}"], why="request 4711", who="officer")
    found = look_for(lived.product, erasure)
    assert found.counts["raw_orders"] == 12
    done = erase(lived.product, erasure)
    assert not done.problems

    names = [f"order-{number}'" for number in lived.hers]
    assert not {text: where for text, where in holding(ANNA, *names).items() if where}
    assert not look_for(lived.product, erasure)


def test_others_stay_and_the_lake_is_whole(lived: Orders) -> None:
    lake = Lake("orders")
    before = {table: lake.read(table) for table in ("raw_orders", "features", "predictions")}
    erase(lived.product, asked_for(lived.product, [f"email={ANNA}"], why="request 4711"))
    after = {table: lake.read(table) for table in before}
    assert len(after["raw_orders"]) == len(before["raw_orders"]) - 12
    hers = {f"order-{number}" for number in lived.hers}
    kept = set(before["features"]["order"]) - hers
    assert set(after["features"]["order"]) == kept and len(kept) > 400
    said = before["predictions"].query("order not in @hers").set_index("order")["score"]
    now = after["predictions"].set_index("order")["score"]
    assert now.to_dict() == said.to_dict() and len(said)
    # everything goes on from here
    lived.run("validate", "prepare", "score", "monitor", days=("2024-01-04",))
    lived.run("train", days=("2024-01-04",))


def test_she_does_not_come_back_with_the_next_landing(lived: Orders) -> None:
    erase(lived.product, asked_for(lived.product, [f"email={ANNA}"], why="request 4711"))
    assert ANNA in (lived.folder / "orders-2024-01-03.csv").read_text()
    lived.run("ingest", "validate", "prepare")
    assert not holding(ANNA)[ANNA]
    assert len(Lake("orders").read("raw_orders")) == 4 * 117


def test_the_ledger_tells_of_it_but_not_who(lived: Orders) -> None:
    erasure = asked_for(lived.product, [f"email={ANNA}"], why="request 4711", who="officer")
    done = erase(lived.product, erasure)
    [entry] = ledger.entries("orders", "erased")
    assert (entry.who, entry.why, entry.subject) == ("officer", "request 4711", erasure.id)
    assert entry.details["counts"]["raw_orders"] == 12
    assert entry.details["versions"] == ["1"] and done.trained[0].version == "1"
    assert ANNA not in str(entry)
    # the spec asks for a training, and who looks for requests that nothing came of finds it
    [asked] = unanswered(ledger.entries("orders"))
    assert (asked.partition, asked.details["erasure"]) == ("2024-01-04", erasure.id)
    assert asked.why == f"version 1 was trained on rows that were erased ({erasure.id})"
    lived.run("train", "promote", days=("2024-01-04",))
    assert not unanswered(ledger.entries("orders"))


def test_a_hashed_column_is_found_by_the_plain_value(orders: Callable[..., Orders]) -> None:
    shop = orders("{email: hash}")
    shop.run("ingest", "validate", "prepare")
    hashed = hashed_text(ANNA, KEY.encode())
    assert holding(hashed)[hashed]
    shop_people = "people.email"
    erase(
        shop.product,
        asked_for(shop.product, [f"orders.email={ANNA}", f"{shop_people}={ANNA}"], why="4711"),
    )
    assert not any(holding(hashed, ANNA).values())
    shop.run("ingest", "validate", "prepare")
    assert not any(holding(hashed, ANNA).values())
