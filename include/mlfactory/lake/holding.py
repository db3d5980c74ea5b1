"""A note by which one process at a time holds a place, for something that takes long.

It is taken by `create`, so of two that begin at once one is told that it did. One that was killed
leaves its note, which the next one puts its own in the place of; whoever holds a place looks
whether the note is still its own before it vouches for what it made there.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mlfactory.lake.at_work import goes_on, moment
from mlfactory.lake.processes import Process, described, from_json, this_process
from mlfactory.lake.store import Store, as_json, find_json, write_json
from mlfactory.product.errors import FactoryError, ServiceError, UsageError

_LONGEST = timedelta(hours=36)
"""So long a note is believed where its process cannot be looked for."""


@dataclass(frozen=True)
class Held:
    """A note that somebody left.

    Attributes:
        about: what is done there, in fields of its own.
        process: that left it.
        until: the moment until which it is believed where the process cannot be looked for.
        let_go: whether the process has told that it does not go on.
    """

    id: str
    about: Mapping[str, Any]
    process: Process
    until: str
    let_go: bool

    @property
    def goes_on(self) -> bool:
        """Tell whether it is still being done; if not, it was cut off."""
        return not self.let_go and goes_on(self.process, self.until)

    @property
    def whose(self) -> str:
        """Return who left it, for a message."""
        return described(self.process)


class Holding:
    """A place that this process holds; see `take`."""

    def __init__(self, store: Store, file: str, what: str) -> None:
        self._store, self._file, self._what = store, file, what
        self._id = secrets.token_hex(8)

    def tell(self, about: Mapping[str, Any]) -> None:
        """Note what is done from now on."""
        self.refuse_lost()
        write_json(self._store, self._file, self.content(about))

    def refuse_lost(self) -> None:
        """Make sure that nobody has taken the place meanwhile.

        Raises:
            ServiceError: somebody has.
        """
        held = find_held(self._store, self._file)
        if held is None or held.id != self._id:
            raise ServiceError(
                f"{self._store.address()} was taken from {self._what} while that went on",
                remedy="see who else works there, then do it again",
            )

    def let_go(self) -> None:
        """Note that this process does not go on, where that can be noted."""
        with suppress(FactoryError, OSError):
            held = find_held(self._store, self._file)
            if held is not None and held.id == self._id:
                write_json(self._store, self._file, self.content(held.about, let_go=True))

    def end(self) -> None:
        """Let the place be nobody's."""
        self._store.delete(self._file)

    def content(self, about: Mapping[str, Any], *, let_go: bool = False) -> dict[str, Any]:
        """Return the note."""
        until = (datetime.now(UTC) + _LONGEST).isoformat(timespec="seconds")
        process = asdict(this_process())
        said = {"id": self._id, "process": process, "until": until, "let_go": let_go}
        return {**said, "about": dict(about)}


def find_held(store: Store, file: str) -> Held | None:
    """Return the note of who holds a place, None if nobody does.

    Raises:
        IntegrityError: it is none.
    """
    found, where = find_json(store, file), store.address(file)
    if found is None:
        return None
    return Held(
        id=str(found.get("id")),
        about=dict(found.get("about") or {}),
        process=from_json(found.get("process"), where),
        until=moment(found.get("until"), where),
        let_go=bool(found.get("let_go")),
    )


def refuse_held(store: Store, file: str, what: str) -> Held | None:
    """Return the note of one that was cut off, None if there is none.

    Raises:
        UsageError: it goes on.
    """
    held = find_held(store, file)
    if held is not None and held.goes_on:
        raise UsageError(
            f"{store.address()}: {what} is under way there, by {held.whose}",
            remedy=f"let it end; if it is known to be dead, delete {store.address(file)}",
        )
    return held


def take(store: Store, file: str, what: str, about: Mapping[str, Any]) -> Holding:
    """Hold a place from now on, also where one that was cut off held it.

    Args:
        what: is done there, in words.

    Raises:
        UsageError: somebody else does.
    """
    if refuse_held(store, file, what) is not None:
        store.delete(file)
    own = Holding(store, file, what)
    if not store.create(file, as_json(own.content(about))):
        raise UsageError(
            f"{store.address()}: {what} began there at the same moment", remedy="let it end"
        )
    return own
