"""Whether an answer of the policy says more than its last one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlfactory.lake.ledger import Entry

_FIGURES = re.compile(r"[0-9][0-9:,.T-]*|\binf\b|\bnan\b")
_PLURAL = re.compile(r"s\b")


def is_news(entry: Entry, before: Sequence[Entry]) -> bool:
    """Tell whether an answer belongs into the ledger, after the answers that are there.

    A request does, and what is decided about a partition anew. A refusal does if it is another one
    than at the partition before: for another reason, or about another champion. That figures and
    dates differ makes it no other one.

    Args:
        before: the answers in the ledger, in the order they were given; keys sort as their times.
    """
    if entry.event == "retrain_requested":
        return True
    if any(one.partition == entry.partition for one in before):
        return True
    earlier = [one for one in before if one.partition < entry.partition]
    if not earlier:
        return True
    # of several about one partition the last one stands
    last = sorted(earlier, key=lambda one: one.partition)[-1]
    return _gist(last) != _gist(entry)


def _gist(entry: Entry) -> tuple[object, ...]:
    words = _PLURAL.sub("", _FIGURES.sub("#", entry.why))
    return entry.event, entry.details.get("champion_cutoff"), words
