"""The ledger: the append-only record of decisions about a product's models and its bad rows.

One file an entry, numbered, created only if its number is free: two writers can never overwrite
each other, and nothing is ever changed. A decision about who serves names the one it follows, so
that of two which were made side by side the second is refused. The ledger is written before what
it decides is carried out, and is the truth where the two differ.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from mlfactory.lake.catalog import LEDGER, ledger_file
from mlfactory.lake.store import Store, as_json, parsed, product_store
from mlfactory.product.errors import FactoryError, IntegrityError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

Event = Literal[
    "promoted",
    "rejected",
    "retrain_requested",
    "retrain_refused",
    "released",
    "discarded",
    "erased",
    "replay_requested",
]

RELEASED = "released"
"""Where a decision's details say from where a version came, and who decided there."""

DECISIONS: tuple[Event, ...] = ("promoted", "rejected")
"""The events that decide about a model."""

REQUESTS: tuple[Event, ...] = ("retrain_requested", "retrain_refused")
"""The events that say whether a training was asked for."""

ABOUT_ROWS: tuple[Event, ...] = ("released", "discarded")
"""The events that decide about rows in quarantine; see `row_decisions`."""

_NAME = re.compile(rf"{LEDGER}/\d{{6}}\.json")


@dataclass(frozen=True)
class Entry:
    """One decision: what was decided about which partition, by whom, and why.

    Attributes:
        subject: what the decision is about where a partition alone does not tell, such as the id
            of a training.
        follows: the number of the newest promotion or rejection that whoever decides knew of, 0 if
            there was none; None where that does not matter, as for a request.
        details: figures the decision rests on.
    """

    event: Event
    partition: str
    why: str
    subject: str = ""
    who: str = ""
    at: str = ""
    number: int = 0
    follows: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Overtaken(FactoryError):
    """Another decision was written since the one that is to be followed.

    Attributes:
        by: the newest decision, made meanwhile.
    """

    def __init__(self, product: str, entry: Entry, by: Entry) -> None:
        self.by = by
        super().__init__(
            f"product {product}: '{entry.subject or entry.partition}' cannot be {entry.event}, for "
            f"meanwhile '{by.subject or by.partition}' was {by.event} (entry {by.number} of the "
            "ledger)",
            remedy="judge it again, against who serves now",
        )


@dataclass(frozen=True)
class Reign:
    """A model version, as the ledger speaks of it.

    Attributes:
        seen_through: the newest partition that it has seen in training or selection.
        cutoff: the partition at which its training looked at the lake.
        digest: of its files; every load is checked against it.
        why: the reason of the decision.
        number: of the decision's entry.
    """

    version: str
    seen_through: str
    cutoff: str
    digest: str
    training_id: str
    why: str
    number: int


@dataclass(frozen=True)
class Standing:
    """Who serves, who did before, and who is tried beside; each None if there is none."""

    champion: Reign | None = None
    previous: Reign | None = None
    challenger: Reign | None = None


def record(product: str, entry: Entry) -> Entry:
    """Append `entry` and return it with its number, time and author.

    What repeats the newest entry about the same partition and subject word for word is not written:
    the entry that stands is returned, so that a stage may run again.

    Raises:
        Overtaken: the entry follows a decision that is not the newest.
    """
    store = product_store(product)
    while True:
        standing_entries = entries(product)
        repeated = _repeated(standing_entries, entry)
        if repeated is not None:
            return repeated
        newest = _newest(standing_entries)
        if entry.follows is not None and newest is not None and newest.number != entry.follows:
            raise Overtaken(product, entry, newest)
        number = standing_entries[-1].number + 1 if standing_entries else 1
        complete = Entry(
            **{
                **asdict(entry),
                "number": number,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "who": entry.who or user(),
            }
        )
        if store.create(ledger_file(number), as_json(asdict(complete))):
            return complete


def entries(product: str, *events: Event) -> list[Entry]:
    """Return the entries of a product in the order they were made, of all events or the given."""
    found = _known(product_store(product))
    return [entry for entry in found if not events or entry.event in events]


def newest_decision(product: str) -> int:
    """Return the number of the newest promotion or rejection, which the next one follows, or 0."""
    newest = _newest(entries(product))
    return newest.number if newest else 0


def standing(decided: Iterable[Entry]) -> Standing:
    """Return who serves after these entries, oldest first.

    The previous champion is the one before, not an earlier promotion of the same version. A
    challenger is a candidate that was rejected only because it was not better than the champion; it
    is tried until the next promotion, or until one that is no worse takes its place. Requests for
    trainings change nothing.
    """
    now = Standing()
    for entry in decided:
        if entry.event == "promoted":
            made = _reign(entry)
            again = now.champion is not None and now.champion.version == made.version
            now = Standing(made, now.previous if again else now.champion)
        elif entry.event == "rejected":
            now = Standing(now.champion, now.previous, _tried(now, _reign(entry), entry.details))
    return now


def _tried(now: Standing, rejected: Reign, details: Mapping[str, Any]) -> Reign | None:
    """Return who is tried after a rejection: the older challenger stays if the new one is none."""
    serves = now.champion is not None and now.champion.version == rejected.version
    if details.get("challenger") and not serves:
        return rejected
    stays = now.challenger is not None and now.challenger.version != rejected.version
    return now.challenger if stays else None


def standing_for(product: Product, partition: Partition) -> Standing:
    """Return who may judge `partition`, by the decisions about models that have not seen it."""
    return standing(
        entry
        for entry in entries(product.name, *DECISIONS)
        if product.calendar.parse(str(entry.details["seen_through"])).start < partition.start
    )


def champion_for(product: Product, partition: Partition) -> Reign | None:
    """Return the champion that may judge `partition`: the newest that has not seen it."""
    return standing_for(product, partition).champion


def challenger_for(product: Product, partition: Partition) -> Reign | None:
    """Return the challenger that may be tried on `partition` in shadow, if there is one."""
    return standing_for(product, partition).challenger


def _reign(entry: Entry) -> Reign:
    return Reign(
        version=str(entry.details["version"]),
        seen_through=str(entry.details.get("seen_through", "")),
        cutoff=entry.partition,
        digest=str(entry.details.get("digest", "")),
        training_id=entry.subject,
        why=entry.why,
        number=entry.number,
    )


def _repeated(standing_entries: Sequence[Entry], entry: Entry) -> Entry | None:
    """Return the newest entry about the same matter, if the new one says the same word for word."""
    kind = entry.event in DECISIONS
    for old in reversed(standing_entries):
        if (old.partition, old.subject, old.event in DECISIONS) == (
            entry.partition,
            entry.subject,
            kind,
        ):
            same = (old.event, old.why, old.follows) == (entry.event, entry.why, entry.follows)
            return old if same and as_json(old.details) == as_json(entry.details) else None
    return None


def _newest(standing_entries: Sequence[Entry]) -> Entry | None:
    return next((one for one in reversed(standing_entries) if one.event in DECISIONS), None)


def user() -> str:
    """Return who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # a container often runs under a number that no file gives a name
        return f"uid {os.getuid()}"


_cache: dict[str, list[tuple[str, bytes, Entry]]] = {}
"""By the ledger's address: each entry that was read, with its file's name and content."""


def _known(store: Store) -> list[Entry]:
    """Return all entries; since none ever changes, only those that are new are read.

    Of the entries known, the newest is read again: a ledger that was removed and begun anew has
    another one there.
    """
    place = store.address(LEDGER)
    known = _cache.get(place, [])
    if known and store.find(known[-1][0]) != known[-1][1]:
        known = []
    after = known[-1][0] if known else ""
    names = [name for name in store.list(LEDGER, after=after) if _NAME.fullmatch(name)]
    contents = store.read_many(names)
    new = [(name, text, _entry(text, store.address(name))) for name, text in contents.items()]
    known = _cache[place] = [*known, *new]
    return [entry for _, _, entry in known]


def _entry(content: bytes, address: str) -> Entry:
    try:
        return Entry(**parsed(content, address))
    except TypeError as error:
        raise IntegrityError(
            f"{address} is no entry of a ledger that this revision can read: {error}",
            remedy="use the revision that wrote it",
        ) from error
