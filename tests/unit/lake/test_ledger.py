"""The ledger: nothing is changed, nothing is said twice, and it knows who may judge what."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlfactory.lake import ledger
from mlfactory.lake.catalog import LEDGER, ledger_file
from mlfactory.lake.ledger import Entry
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product, load_product
from mlfactory.settings import REPOSITORY

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def product() -> Product:
    return load_product("flight_delay", REPOSITORY / "include" / "products")


def decision(event: ledger.Event, partition: str, version: str, **details: object) -> Entry:
    return Entry(
        event,
        partition,
        why="the gates",
        subject=f"{partition}.training",
        details={"version": version, "seen_through": partition, **details},
    )


def champion(product: Product, key: str) -> str | None:
    reign = ledger.champion_for(product, product.calendar.parse(key))
    return reign.version if reign else None


def challenger(product: Product, key: str) -> str | None:
    reign = ledger.challenger_for(product, product.calendar.parse(key))
    return reign.version if reign else None


def test_an_entry_gets_a_number_a_time_and_an_author() -> None:
    entry = ledger.record("shop", Entry("retrain_refused", "2013-01-01", "nothing asks for it"))
    assert entry.number == 1
    assert entry.who
    assert entry.at
    assert ledger.entries("shop") == [entry]


def test_the_same_decision_is_not_written_twice() -> None:
    first = ledger.record("shop", Entry("retrain_refused", "2013-01-01", "nothing asks for it"))
    again = ledger.record("shop", Entry("retrain_refused", "2013-01-01", "nothing asks for it"))
    assert again == first
    assert len(ledger.entries("shop")) == 1


def test_another_decision_about_the_same_partition_is_appended() -> None:
    for event in ("retrain_refused", "retrain_requested", "retrain_refused"):
        ledger.record("shop", Entry(event, "2013-01-01", "because"))  # type: ignore[arg-type]
    found = [entry.event for entry in ledger.entries("shop")]
    assert found == ["retrain_refused", "retrain_requested", "retrain_refused"]


def test_writers_at_the_same_time_lose_nothing() -> None:
    def write(number: int) -> Entry:
        entry = Entry("rejected", "2013-01-01", "the gates", subject=str(number))
        return ledger.record("shop", entry)

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(write, range(24)))
    assert sorted(entry.number for entry in made) == list(range(1, 25))
    assert len(product_store("shop").list(LEDGER)) == 24


def test_a_champion_judges_only_what_it_has_not_seen(product: Product) -> None:
    ledger.record(product.name, decision("promoted", "2013-02-01", "1"))
    ledger.record(product.name, decision("promoted", "2013-05-01", "2"))
    assert [champion(product, f"2013-0{month}-01") for month in range(1, 8)] == [
        None,
        None,
        "1",
        "1",
        "1",
        "2",
        "2",
    ]


def test_a_rejected_challenger_is_tried_until_the_next_decision(product: Product) -> None:
    ledger.record(product.name, decision("promoted", "2013-02-01", "1"))
    ledger.record(product.name, decision("rejected", "2013-04-01", "2", challenger=True))
    assert challenger(product, "2013-04-01") is None
    assert challenger(product, "2013-05-01") == "2"
    ledger.record(product.name, decision("promoted", "2013-05-01", "3"))
    assert challenger(product, "2013-06-01") is None


def test_a_candidate_rejected_for_more_than_the_comparison_is_not_tried(product: Product) -> None:
    ledger.record(product.name, decision("promoted", "2013-02-01", "1"))
    ledger.record(product.name, decision("rejected", "2013-04-01", "2", challenger=False))
    assert challenger(product, "2013-05-01") is None


def test_entries_stay_as_they_were_written(tmp_path: Path) -> None:
    first = ledger.record("shop", Entry("rejected", "2013-01-01", "x"))
    before = product_store("shop").read(ledger_file(1))
    ledger.record("shop", Entry("rejected", "2013-02-01", "y"))
    assert product_store("shop").read(ledger_file(1)) == before
    assert first.number == 1
