"""Work that is under way in a product, told to whoever would get in its way.

Who works leaves a note for as long as it takes. A removal does not begin while there are any, and
takes those away first that it was told not to care about: work that does not find its note at its
end knows that what it made is gone. Who goes through a span of partitions notes where that begins,
for the partitions behind it are on their way though no run of them is there yet.

A note holds nobody up for ever: it ends with its process where that can be looked for, and is
believed until the moment that it names where it cannot, as in another container or on another
machine, or where what goes on has no process while it waits. Who looks leaves it where it is: only
its owner and a removal take notes away, for a missing note is what tells of a removal.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from mlfactory.lake.catalog import AT_WORK, work_file
from mlfactory.lake.processes import (
    Process,
    described,
    from_json,
    has_ended,
    this_process,
)
from mlfactory.lake.store import Store, parsed, product_store, write_json
from mlfactory.product.errors import FactoryError, IntegrityError, UsageError

_LOG = logging.getLogger(__name__)

ERASING: ContextVar[str] = ContextVar("erasing", default="")
"""The erasure that this process is at, by its id: all that it does is a part of that."""

LONGEST = timedelta(hours=36)
"""No work takes longer: it is what a run of the longest training may take."""


@dataclass(frozen=True)
class Work:
    """Something that is being done to a product.

    Attributes:
        what: in words, such as `ingest of 2013-04-01`.
        process: that does it.
        until: the moment until which it is believed where the process cannot be looked for.
        first: the first of the partitions that it goes through; empty where it is about one stage.
        alone: whether there may be one such work at a time, as a replay.
        erasure: the id of the erasure that it is a part of, and ends with; empty where of none.
    """

    what: str
    process: Process
    until: str
    first: str = ""
    alone: bool = False
    erasure: str = ""


@contextmanager
def at_work(
    product: str,
    what: str,
    *,
    name: str = "",
    first: str = "",
    believed: timedelta = LONGEST,
    alone: bool = False,
) -> Iterator[Callable[[], None]]:
    """Note that something is being done, while it is.

    A note that cannot be taken away in the end is left: what was done is done, or has failed.

    Args:
        name: of the note, for who asks `refuse_removed`; one of its own by default.
        first: see `Work`.
        believed: how long it is believed from now on where its process cannot be looked for.
        alone: see `Work`.

    Yields:
        What to call before each further part of it, and now and then where it is believed for a
        shorter time than it takes: it tells anew that it is being done. Raises `UsageError` where
        a reset has taken the note, with what was done so far.

    Raises:
        UsageError: it is to be alone, and another such work is under way.
    """
    store, own = product_store(product), name or secrets.token_hex(8)
    file = work_file(own)

    def tell() -> None:
        work = Work(what, this_process(), from_now(believed), first, alone, ERASING.get())
        write_json(store, file, asdict(work))

    def go_on() -> None:
        refuse_removed(product, own, what)
        tell()

    tell()
    try:
        if alone:
            refuse_beside(product, own)
        yield go_on
    finally:
        drop_note(store, file)


def under_way(product: str) -> list[Work]:
    """Return what is being done to a product; what is known to be killed is left out.

    Raises:
        IntegrityError: if a note is none.
    """
    return list(notes_under_way(product).values())


def notes_under_way(product: str) -> dict[str, Work]:
    """Return the same, each by the address of its note."""
    store = product_store(product)
    found = store.read_many(store.list(AT_WORK))
    works = {store.address(file): _work(found[file], store.address(file)) for file in found}
    return {note: work for note, work in works.items() if goes_on(work.process, work.until)}


def take_away(product: str, *, erasure: str = "") -> None:
    """Take away the notes of work, which is refused at its end if it goes on nevertheless.

    Args:
        erasure: only of what is a part of this one; of all work by default.

    Raises:
        IntegrityError: if a note is none.
    """
    store = product_store(product)
    for file, content in store.read_many(store.list(AT_WORK)).items():
        if not erasure or _work(content, store.address(file)).erasure == erasure:
            store.delete(file)


def goes_on(process: Process, until: str) -> bool:
    """Tell whether a process lives, or is believed to until a moment where nobody can tell."""
    ended = has_ended(process)
    if ended is None:
        return datetime.fromisoformat(until) > datetime.now(UTC)
    return not ended


def moment(content: object, where: str) -> str:
    """Return a moment with its time zone as it was read from JSON, once it is known to be one.

    Args:
        where: it was read, for the error.

    Raises:
        IntegrityError: if it is none.
    """
    with suppress(ValueError):
        if datetime.fromisoformat(str(content)).tzinfo is not None:
            return str(content)
    raise IntegrityError(
        f"{where} names no moment until which it is believed: {content!r}",
        remedy="delete it if nobody is at work",
    )


def refuse_removed(product: str, name: str, what: str) -> None:
    """Make sure that nothing was removed beneath some work since it began.

    Args:
        name: of its note.
        what: it is, in words.

    Raises:
        UsageError: if its note is gone.
    """
    if product_store(product).find(work_file(name)) is None:
        raise UsageError(
            f"{product}: what {what} read or wrote was removed by a reset or a restore while it "
            "was at work",
            remedy="run it again, from the first stage on",
        )


def refuse_beside(product: str, name: str) -> None:
    """Make sure that no other work is under way that is to be alone, as this one is.

    Both notes are there before either looks: of two that begin at once at least one is refused.

    Args:
        name: of this one's note.

    Raises:
        UsageError: naming the other.
    """
    own = product_store(product).address(work_file(name))
    others = [work for note, work in notes_under_way(product).items() if note != own and work.alone]
    if others:
        work = others[0]
        until = datetime.fromisoformat(work.until)
        raise UsageError(
            f"{product}: {work.what} is under way, {described(work.process)}",
            remedy="let it end; one that was killed is not believed to go on after "
            f"{until:%Y-%m-%d %H:%M:%S} UTC",
        )


def from_now(believed: timedelta) -> str:
    """Return the moment until which something is believed, as a note names it."""
    return (datetime.now(UTC) + believed).isoformat(timespec="seconds")


def _work(content: bytes, address: str) -> Work:
    found = parsed(content, address)
    return Work(
        what=str(found.get("what")),
        process=from_json(found.get("process"), address),
        until=moment(found.get("until"), address),
        first=str(found.get("first", "")),
        alone=bool(found.get("alone")),
        erasure=str(found.get("erasure", "")),
    )


def drop_note(store: Store, file: str) -> None:
    """Delete a note; where that cannot be, it is logged and the note left."""
    try:
        store.delete(file)
    except (FactoryError, OSError) as error:
        _LOG.warning("the note of ended work %s cannot be deleted: %s", store.address(file), error)
