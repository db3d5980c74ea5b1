"""The ledger: the append-only record of decisions about a product's models.

One file an entry, numbered, created only if its number is free: two writers can never overwrite
each other, and nothing is ever changed. The ledger is written before what it decides is carried
out, and is the truth where the two differ.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from mlfactory.lake.catalog import LEDGER, ledger_file
from mlfactory.lake.store import as_json, parsed, product_store
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

Event = Literal["promoted", "rejected", "retrain_requested", "retrain_refused"]


@dataclass(frozen=True)
class Entry:
    """One decision: what was decided about which partition, by whom, and why.

    Attributes:
        subject: what the decision is about where a partition alone does not tell, such as the id
            of a training.
        details: figures the decision rests on.
    """

    event: Event
    partition: str
    why: str
    subject: str = ""
    who: str = ""
    at: str = ""
    number: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)


def record(product: str, entry: Entry) -> Entry:
    """Append `entry` and return it with its number, time and author.

    The same decision (event, partition, subject) for the same reason is not written twice: the
    entry that stands is returned, so that a stage may run again.
    """
    while True:
        standing = entries(product)
        for old in reversed(standing):
            if (old.partition, old.subject) == (entry.partition, entry.subject) and (
                old.event.split("_")[0] == entry.event.split("_")[0]
            ):
                if (old.event, old.why) == (entry.event, entry.why):
                    return old
                break
        number = standing[-1].number + 1 if standing else 1
        complete = Entry(
            **{
                **asdict(entry),
                "number": number,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "who": entry.who or getpass.getuser(),
            }
        )
        if product_store(product).create(ledger_file(number), as_json(asdict(complete))):
            return complete


def entries(product: str, *events: Event) -> list[Entry]:
    """Return the entries of a product in the order they were made, of all events or the given."""
    store = product_store(product)
    contents = store.read_many(store.list(LEDGER))
    found = [Entry(**parsed(content, store.address(name))) for name, content in contents.items()]
    return [entry for entry in found if not events or entry.event in events]


@dataclass(frozen=True)
class Reign:
    """A model version and the newest partition that it has seen in training or selection."""

    version: str
    seen_through: str
    cutoff: str


def champion_for(product: Product, partition: Partition) -> Reign | None:
    """Return the champion that may judge `partition`: the newest that has not seen it."""
    return _newest_unseen(product, partition, entries(product.name, "promoted"))


def challenger_for(product: Product, partition: Partition) -> Reign | None:
    """Return the challenger that may be tried on `partition` in shadow, if there is one.

    A challenger is the candidate of the newest training, rejected only because it did not beat the
    champion; a later promotion or rejection ends its trial.
    """
    judged = _unseen(product, partition, entries(product.name, "promoted", "rejected"))
    if not judged or judged[-1].event == "promoted" or not judged[-1].details.get("challenger"):
        return None
    return _reign(judged[-1])


def _newest_unseen(
    product: Product, partition: Partition, decisions: Iterable[Entry]
) -> Reign | None:
    unseen = _unseen(product, partition, decisions)
    return _reign(unseen[-1]) if unseen else None


def _unseen(product: Product, partition: Partition, decisions: Iterable[Entry]) -> list[Entry]:
    return [
        entry
        for entry in decisions
        if product.calendar.parse(str(entry.details["seen_through"])).start < partition.start
    ]


def _reign(entry: Entry) -> Reign:
    return Reign(
        version=str(entry.details["version"]),
        seen_through=str(entry.details["seen_through"]),
        cutoff=entry.partition,
    )
