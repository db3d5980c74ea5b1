"""Which answers of the policy the ledger keeps: those that say something new."""

from __future__ import annotations

import pytest

from mlfactory.lake.ledger import Entry, Event
from mlfactory.retrain.news import is_news

CALM = (
    "nothing asks for it: drift ok in {}; performance ok (roc_auc {} in {}); "
    "{} of 6 partitions since the champion was trained"
)


def answer(key: str, why: str, event: Event = "retrain_refused", champion: str = "c") -> Entry:
    return Entry(event, key, why, details={"champion_cutoff": champion})


def calm(key: str, value: float, since: int) -> Entry:
    return answer(key, CALM.format(key, value, key, since))


def test_the_first_answer_and_every_request_are_news() -> None:
    assert is_news(answer("2013-01-01", "few rows"), [])
    asked = answer("2013-02-01", "drift", "retrain_requested")
    assert is_news(asked, [answer("2013-01-01", "drift", "retrain_requested")])


def test_another_quiet_partition_is_none() -> None:
    quiet = [calm("2013-03-01", 0.641, 1)]
    assert not is_news(calm("2013-04-01", 0.7, 2), quiet)
    rows = answer("2013-02-01", "no champion yet and 1 labelled row in 1 partition; refused: few")
    more = answer(
        "2013-03-01", "no champion yet and 1,210 labelled rows in 2 partitions; refused: few"
    )
    assert not is_news(more, [rows])


@pytest.mark.parametrize(
    "other",
    [
        answer(
            "2013-04-01",
            CALM.format("2013-04-01", 0.7, "2013-04-01", 2).replace("drift ok", "drift warn"),
        ),
        answer("2013-04-01", CALM.format("2013-04-01", 0.7, "2013-04-01", 2), champion="another"),
        answer(
            "2013-04-01",
            "drift was alert in 2 of the newest 3 partitions; refused: the budget is spent",
        ),
    ],
)
def test_another_reason_or_another_champion_is_news(other: Entry) -> None:
    assert is_news(other, [calm("2013-03-01", 0.641, 1)])


def test_after_a_request_the_first_refusal_is_news() -> None:
    before = [calm("2013-02-01", 0.6, 1), answer("2013-03-01", "drift", "retrain_requested")]
    assert is_news(calm("2013-04-01", 0.7, 2), before)


def test_what_is_decided_anew_about_a_partition_is_for_the_ledger_to_tell() -> None:
    """It drops what is said again word for word."""
    before = [calm("2013-02-01", 0.6, 1), calm("2013-03-01", 0.6, 2)]
    assert is_news(calm("2013-03-01", 0.65, 2), before)


def test_a_backfill_is_held_against_the_partition_before_and_not_against_a_later_one() -> None:
    before = [calm("2013-02-01", 0.6, 1), answer("2013-09-01", "few rows")]
    assert not is_news(calm("2013-03-01", 0.6, 2), before)
