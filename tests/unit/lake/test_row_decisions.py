"""Decisions about rows in quarantine: all stay, and the last word about a row holds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlfactory.lake import ledger
from mlfactory.lake.catalog import ROW_DECISIONS
from mlfactory.lake.row_decisions import (
    DecidedRow,
    RowDecision,
    decide,
    decisions_about,
    last_words,
    newest_about_rows,
)
from mlfactory.lake.store import product_store
from mlfactory.product.errors import IntegrityError

pytestmark = pytest.mark.usefixtures("home")

KEY = "2026-01-01"


def word(kind: str, *digests: str, source: str = "orders", why: str = "checked") -> RowDecision:
    rows = {
        digest: DecidedRow(
            row=3,
            record='{"id": 3}',
            reasons=("price=-1 breaks it",),
            kinds=("price: it",),
            changes={"price": "7", "paid": None} if kind == "corrected" else {},
        )
        for digest in digests
    }
    return RowDecision(KEY, source, kind, rows, why=why, who="ada")  # type: ignore[arg-type]


def test_a_decision_is_read_as_it_was_made_and_the_ledger_says_who_and_why() -> None:
    made = decide("shop", word("corrected", "a1", why="the till was wrong"))
    [found] = decisions_about("shop", KEY)
    assert found.rows == word("corrected", "a1").rows
    assert (found.number, found.who, found.why) == (made.number, "ada", "the till was wrong")
    [entry] = ledger.entries("shop")
    assert (entry.event, entry.partition, entry.details["rows"]) == ("released", KEY, 1)
    assert decisions_about("shop", "2026-01-02") == ()


def test_the_last_word_about_a_row_holds_and_the_others_stay() -> None:
    decide("shop", word("accepted", "a1", "b2"))
    decide("shop", word("discarded", "a1"))
    decide("shop", word("accepted", "a1", source="visits"))
    words = last_words(decisions_about("shop", KEY))
    assert {digest: each.kind for digest, each in words["orders"].items()} == {
        "a1": "discarded",
        "b2": "accepted",
    }
    assert words["visits"]["a1"].kind == "accepted"
    assert [entry.event for entry in ledger.entries("shop")] == [
        "released",
        "discarded",
        "released",
    ]


def test_a_word_that_returns_is_written_again() -> None:
    for kind in ("accepted", "discarded", "accepted"):
        decide("shop", word(kind, "a1"))
    words = last_words(decisions_about("shop", KEY))
    assert (words["orders"]["a1"].kind, words["orders"]["a1"].decision.number) == ("accepted", 3)


def test_the_same_word_twice_is_one() -> None:
    first, second = decide("shop", word("accepted", "a1")), decide("shop", word("accepted", "a1"))
    assert first.number == second.number


def test_of_two_who_decide_at_once_both_are_written() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda n: decide("shop", word("accepted", f"a{n}")), range(8)))
    assert sorted(entry.number for entry in made) == list(range(1, 9))
    assert set(last_words(decisions_about("shop", KEY))["orders"]) == {f"a{n}" for n in range(8)}


def test_rows_without_an_entry_in_the_ledger_say_nothing() -> None:
    """Who was killed between the two writes has decided nothing."""
    decide("shop", word("accepted", "a1"))
    product_store("shop").delete_all(ledger.LEDGER)
    assert decisions_about("shop", KEY) == ()


def test_an_entry_whose_rows_are_gone_is_an_error() -> None:
    decide("shop", word("accepted", "a1"))
    product_store("shop").delete_all(ROW_DECISIONS)
    with pytest.raises(IntegrityError, match="is gone, which says what rows entry 1"):
        decisions_about("shop", KEY)


def test_a_decision_about_rows_changes_nothing_about_who_serves() -> None:
    decide("shop", word("accepted", "a1"))
    assert ledger.standing(ledger.entries("shop")) == ledger.Standing()
    assert ledger.newest_decision("shop") == 0
    assert newest_about_rows("shop") == {f"row_decisions/{KEY}": "1"}
