"""Work that is under way in a product, told to whoever would get in its way.

Who works leaves a note for as long as it takes. A removal does not begin while there are any, and
takes those away first that it was told not to care about: work that does not find its note at its
end knows that what it made is gone. Who goes through a span of partitions notes where that begins,
for the partitions behind it are on their way though no run of them is there yet.

A note holds nobody up for ever: one of this machine ends with its process, and one of another
machine is believed until the moment that it names.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from mlfactory.lake.catalog import AT_WORK, work_file
from mlfactory.lake.processes import is_dead, is_of_this_machine, this_process
from mlfactory.lake.store import parsed, product_store, write_json
from mlfactory.product.errors import UsageError

_LONGEST = timedelta(hours=36)
"""No work takes longer: it is what a run of the longest training may take."""


@dataclass(frozen=True)
class Work:
    """Something that is being done to a product.

    Attributes:
        what: in words, such as `ingest of 2013-04-01`.
        process: that does it.
        until: the moment until which it is believed where the process cannot be looked for.
        first: the first of the partitions that it goes through; empty where it is about one stage.
    """

    what: str
    process: str
    until: str
    first: str = ""


@contextmanager
def at_work(
    product: str, what: str, *, name: str = "", first: str = "", believed: timedelta = _LONGEST
) -> Iterator[Callable[[], None]]:
    """Note that something is being done, while it is.

    Args:
        name: of the note, for who asks `refuse_removed`; one of its own by default.
        first: see `Work`.
        believed: how long it is believed from now on where its process cannot be looked for.

    Yields:
        What to call now and then, where it is believed for a shorter time than it takes.
    """
    store, file = product_store(product), work_file(name or secrets.token_hex(8))

    def tell() -> None:
        until = (datetime.now(UTC) + believed).isoformat(timespec="seconds")
        write_json(store, file, asdict(Work(what, this_process(), until, first)))

    tell()
    try:
        yield tell
    finally:
        store.delete(file)


def under_way(product: str) -> list[Work]:
    """Return what is being done to a product; notes of what was killed are cleared away."""
    store = product_store(product)
    now, found = datetime.now(UTC), []
    for file, content in store.read_many(store.list(AT_WORK)).items():
        work = Work(**parsed(content, store.address(file)))
        if is_dead(work.process):
            store.delete(file)
        elif is_of_this_machine(work.process) or datetime.fromisoformat(work.until) > now:
            found.append(work)
    return found


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
            f"{product}: what {what} read or wrote was removed by a reset while it was at work",
            remedy="run it again, from the first stage on",
        )
