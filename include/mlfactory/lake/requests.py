"""Requests for trainings: which of them a training carries out, and which nothing came of.

A request is an entry of the ledger, and its number is its name: the training that carries it out
keeps it, and so does the decision about that training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlfactory.lake.ledger import DECISIONS, Entry

REQUEST = "request"
"""In the details of a decision: the number of the request that the training carried out, or 0."""


def request_for(entries: Sequence[Entry], cutoff: str) -> Entry | None:
    """Return the newest request for a training with a cut-off, None if that was decided already.

    A training that failed decided nothing: the next one carries the same request out.
    """
    asked = [one for one in entries if one.event == "retrain_requested" and one.partition == cutoff]
    return asked[-1] if asked and asked[-1].number not in _decided(entries) else None


def unanswered(entries: Sequence[Entry]) -> list[Entry]:
    """Return the requests that nothing came of, oldest first.

    What was decided about the training of another request is no answer. One that was overtaken is
    none any more: by a request or a promotion with the same cut-off or a newer one. Keys sort as
    their times do.
    """
    decided = _decided(entries)
    return [
        asked
        for place, asked in enumerate(entries)
        if asked.event == "retrain_requested"
        and asked.number not in decided
        and not any(
            later.event in ("retrain_requested", "promoted") and later.partition >= asked.partition
            for later in entries[place + 1 :]
        )
    ]


def _decided(entries: Iterable[Entry]) -> set[int]:
    return {int(one.details.get(REQUEST, 0)) for one in entries if one.event in DECISIONS}
