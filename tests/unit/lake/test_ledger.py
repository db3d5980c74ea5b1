"""The ledger: nothing is changed, nothing is said twice, and it knows who may judge what."""

from __future__ import annotations

import getpass
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from mlfactory.lake import ledger
from mlfactory.lake.catalog import LEDGER, ledger_file
from mlfactory.lake.ledger import Entry, Overtaken
from mlfactory.lake.store import FolderStore, as_json, product_store
from mlfactory.product.errors import IntegrityError
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


@pytest.mark.parametrize(
    "events",
    [("promoted", "rejected", "promoted"), ("rejected", "promoted", "rejected", "promoted")],
)
def test_a_decision_that_returns_is_written_each_time(events: tuple[ledger.Event, ...]) -> None:
    for event in events:
        for _ in range(2):
            ledger.record("shop", decision(event, "2013-01-01", "1"))
    assert tuple(entry.event for entry in ledger.entries("shop")) == events


def test_a_decision_on_other_figures_is_another_decision() -> None:
    for share in (0.1, 0.1, 0.2):
        entry = Entry("retrain_refused", "2013-01-01", "few rows", details={"share": share})
        ledger.record("shop", entry)
    assert [entry.details["share"] for entry in ledger.entries("shop")] == [0.1, 0.2]


def test_of_two_decisions_made_side_by_side_the_second_is_refused() -> None:
    assert ledger.newest_decision("shop") == 0
    first, second = (
        replace(decision("promoted", "2013-01-01", version), subject=version, follows=0)
        for version in ("1", "2")
    )
    ledger.record("shop", Entry("retrain_refused", "2013-02-01", "no decision about a model"))
    made = ledger.record("shop", first)
    assert ledger.newest_decision("shop") == made.number == 2
    with pytest.raises(Overtaken, match="meanwhile '1' was promoted") as caught:
        ledger.record("shop", second)
    assert caught.value.by == made
    # the first one's writer was killed before it knew, and says the same again
    assert ledger.record("shop", first) == made
    again = ledger.record("shop", replace(second, follows=made.number))
    assert [entry.number for entry in ledger.entries("shop", "promoted")] == [2, again.number]


def test_of_many_who_promote_at_once_exactly_one_does() -> None:
    def promote(number: int) -> bool:
        entry = replace(decision("promoted", "2013-01-01", str(number)), subject=str(number))
        try:
            ledger.record("shop", replace(entry, follows=0))
        except Overtaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(promote, range(16))).count(True) == 1
    assert len(ledger.entries("shop")) == 1


def test_a_user_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", nobody)
    entry = ledger.record("shop", Entry("rejected", "2013-01-01", "x"))
    assert entry.who == f"uid {os.getuid()}"


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


def test_a_rejected_challenger_is_tried_until_the_next_promotion(product: Product) -> None:
    ledger.record(product.name, decision("promoted", "2013-02-01", "1"))
    ledger.record(product.name, decision("rejected", "2013-04-01", "2", challenger=True))
    assert challenger(product, "2013-04-01") is None
    assert challenger(product, "2013-05-01") == "2"
    ledger.record(product.name, decision("rejected", "2013-05-01", "3", challenger=False))
    assert challenger(product, "2013-06-01") == "2"
    ledger.record(product.name, decision("promoted", "2013-06-01", "4"))
    assert challenger(product, "2013-07-01") is None


def test_a_candidate_rejected_for_more_than_the_comparison_is_not_tried(product: Product) -> None:
    ledger.record(product.name, decision("promoted", "2013-02-01", "1"))
    ledger.record(product.name, decision("rejected", "2013-04-01", "2", challenger=False))
    assert challenger(product, "2013-05-01") is None


def test_the_ledger_knows_the_digest_and_the_training_of_who_serves(product: Product) -> None:
    ledger.record(product.name, decision("promoted", "2013-02-01", "1", digest="abc"))
    reign = ledger.champion_for(product, product.calendar.parse("2013-03-01"))
    assert reign is not None
    assert (reign.digest, reign.training_id, reign.why) == (
        "abc",
        "2013-02-01.training",
        "the gates",
    )


def test_the_previous_champion_is_the_one_before() -> None:
    now = ledger.standing(decision("promoted", "k", version) for version in ("1", "2", "1", "1"))
    assert now.champion is not None and now.champion.version == "1"
    assert now.previous is not None and now.previous.version == "2"


def test_asking_again_reads_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        ledger.record("shop", Entry("rejected", f"2013-01-0{number + 1}", "x"))
    assert len(ledger.entries("shop")) == 5
    opened: list[str] = []
    find = FolderStore.find

    def counted(store: FolderStore, name: str) -> bytes | None:
        opened.append(name)
        return find(store, name)

    monkeypatch.setattr(FolderStore, "find", counted)
    assert len(ledger.entries("shop")) == 5
    assert opened == [ledger_file(5)]
    ledger.record("shop", Entry("rejected", "2013-01-06", "x"))
    assert [entry.partition for entry in ledger.entries("shop")][-1] == "2013-01-06"


@pytest.mark.parametrize("entries", [1, 2, 3])
def test_a_ledger_begun_anew_is_read_anew(entries: int) -> None:
    for number in range(2):
        ledger.record("shop", Entry("rejected", f"2013-01-0{number + 1}", "before"))
    assert len(ledger.entries("shop")) == 2
    product_store("shop").delete_all()
    for number in range(entries):
        name, entry = ledger_file(number + 1), Entry("promoted", "k", "after", number=number + 1)
        product_store("shop").write(name, as_json(asdict(entry)))
    assert [entry.why for entry in ledger.entries("shop")] == ["after"] * entries


def test_an_entry_of_another_revision_is_named() -> None:
    product_store("shop").write(ledger_file(1), b'{"event": "promoted", "colour": "red"}')
    with pytest.raises(IntegrityError, match=r"000001\.json is no entry"):
        ledger.entries("shop")


def test_files_that_are_no_entries_are_none() -> None:
    product_store("shop").write("ledger/notes.txt", b"mine")
    ledger.record("shop", Entry("rejected", "2013-01-01", "x"))
    assert len(ledger.entries("shop")) == 1


def test_entries_stay_as_they_were_written(tmp_path: Path) -> None:
    first = ledger.record("shop", Entry("rejected", "2013-01-01", "x"))
    before = product_store("shop").read(ledger_file(1))
    ledger.record("shop", Entry("rejected", "2013-02-01", "y"))
    assert product_store("shop").read(ledger_file(1)) == before
    assert first.number == 1
