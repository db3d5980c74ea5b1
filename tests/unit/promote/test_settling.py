from __future__ import annotations

from mlfactory.lake.ledger import Entry, Event
from mlfactory.promote.settling import Aliases, aliases_of


def decided(event: Event, version: str, challenger: bool = False) -> Entry:
    return Entry(event, "2024-01-03", "why", details={"version": version, "challenger": challenger})


def test_nothing_decided_means_no_aliases():
    assert aliases_of([]) == Aliases(None, None, None)


def test_the_newest_promotion_serves_and_the_one_before_is_kept():
    decisions = [decided("promoted", version) for version in ("1", "3", "4")]
    assert aliases_of(decisions) == Aliases("4", "3", None)


def test_a_version_promoted_twice_is_not_its_own_predecessor():
    decisions = [decided("promoted", version) for version in ("1", "2", "2")]
    assert aliases_of(decisions) == Aliases("2", "1", None)


def test_a_challenger_is_tried_until_another_takes_its_place():
    decisions = [decided("promoted", "1"), decided("rejected", "2", challenger=True)]
    assert aliases_of(decisions) == Aliases("1", None, "2")
    # a worse one, or a bad one, does not displace it
    assert aliases_of([*decisions, decided("rejected", "3")]) == Aliases("1", None, "2")
    taken = [*decisions, decided("rejected", "3", challenger=True)]
    assert aliases_of(taken) == Aliases("1", None, "3")
    assert aliases_of([*decisions, decided("rejected", "2")]) == Aliases("1", None, None)
    assert aliases_of([*decisions, decided("promoted", "3")]) == Aliases("3", "1", None)


def test_a_champion_is_not_its_own_challenger():
    decisions = [decided("promoted", "1"), decided("rejected", "1", challenger=True)]
    assert aliases_of(decisions) == Aliases("1", None, None)
