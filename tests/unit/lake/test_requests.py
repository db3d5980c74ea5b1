"""Requests for trainings: each is answered by the decision about its own training."""

from __future__ import annotations

import pytest

from mlfactory.lake.ledger import Entry, Event
from mlfactory.lake.requests import REQUEST, request_for, unanswered


def made(*lines: tuple[Event, str, int]) -> list[Entry]:
    """Return entries of an event, a cut-off and the number of the request carried out."""
    return [
        Entry(event, key, "why", number=place, details={REQUEST: request} if request else {})
        for place, (event, key, request) in enumerate(lines, start=1)
    ]


@pytest.mark.parametrize(
    ("later", "open_ones"),
    [
        ((), [1]),
        ((("rejected", "2026-03-01", 1),), []),
        ((("promoted", "2026-03-01", 1),), []),
        # of another training, by hand or of another request
        ((("rejected", "2026-03-01", 0),), [1]),
        ((("rejected", "2026-02-01", 0),), [1]),
        ((("promoted", "2026-02-01", 0),), [1]),
        # overtaken: what it asked for is there, or is asked for anew
        ((("promoted", "2026-04-01", 0),), []),
        ((("retrain_requested", "2026-04-01", 0),), [2]),
        ((("retrain_requested", "2026-04-01", 0), ("rejected", "2026-04-01", 2)), []),
        ((("retrain_requested", "2026-02-01", 0),), [1, 2]),
    ],
)
def test_a_request_is_answered_by_its_own_training_only(
    later: tuple[tuple[Event, str, int], ...], open_ones: list[int]
) -> None:
    entries = made(("retrain_requested", "2026-03-01", 0), *later)
    assert [asked.number for asked in unanswered(entries)] == open_ones


def test_a_training_carries_out_the_newest_request_of_its_cutoff_until_one_is_decided() -> None:
    entries = made(
        ("retrain_requested", "2026-03-01", 0),
        ("retrain_requested", "2026-03-01", 0),
        ("retrain_requested", "2026-04-01", 0),
        ("rejected", "2026-03-01", 0),
    )
    taken = request_for(entries, "2026-03-01")
    assert taken is not None
    assert taken.number == 2
    assert request_for(entries, "2026-02-01") is None
    done = Entry("rejected", "2026-03-01", "why", number=5, details={REQUEST: 2})
    assert request_for([*entries, done], "2026-03-01") is None
