"""Which stack a lake belongs to: the schedules of two would do everything twice.

The first that starts writes its name into the lake; of all who try, one is told that it did. The
command line works without a stack, and is let in beside the one that there is.
"""

from __future__ import annotations

import platform
from datetime import UTC, datetime

from mlfactory.lake.catalog import STACK, TAKING
from mlfactory.lake.holding import take
from mlfactory.lake.store import as_json, find_json, parsed, store_at, write_json
from mlfactory.product.errors import IntegrityError, UsageError
from mlfactory.settings import settings

_TAKING = "the taking of the lake"


def claim_lake(stack: str) -> None:
    """Make the lake this stack's, if it is nobody's yet.

    Raises:
        UsageError: if it is another's.
    """
    lake = store_at(settings().lake_uri)
    if not lake.create(STACK, as_json(_mark(stack))):
        refuse_another_stack(stack)


def refuse_another_stack(stack: str | None) -> None:
    """Make sure that the lake is nobody's, or this stack's.

    Args:
        stack: None for whoever is no stack.

    Raises:
        UsageError: if it is another's.
    """
    owner = owner_of_lake() if stack else None
    if owner is not None and owner.get("stack") != stack:
        raise UsageError(
            f"the lake {settings().lake_uri} is that of another stack: {described(owner)}; "
            f"this one is {stack}",
            remedy="give this one a lake of its own (MLFACTORY_LAKE); or, if the other is stopped "
            "for good: mlfactory take-lake",
        )


def owner_of_lake() -> dict[str, str] | None:
    """Return the mark of the stack that the lake belongs to, None if it is nobody's."""
    found = find_json(store_at(settings().lake_uri), STACK)
    return None if found is None else {name: str(value) for name, value in found.items()}


def mark_of_lake() -> bytes | None:
    """Return the mark of the stack that the lake belongs to, whatever it says; None if nobody's."""
    return store_at(settings().lake_uri).find(STACK)


def named(mark: bytes) -> dict[str, str]:
    """Return what a mark says, nothing if it was damaged."""
    try:
        return {name: str(value) for name, value in parsed(mark, STACK).items()}
    except IntegrityError:
        return {}


def take_lake(stack: str, *, instead_of: bytes | None) -> None:
    """Make the lake this stack's, whoever had it.

    Args:
        instead_of: the mark that the lake has, as it was asked about; None if it was nobody's.

    Raises:
        UsageError: it has another one by now; nothing is changed then.
    """
    lake = store_at(settings().lake_uri)
    # of those who take it at once only one may compare and write
    holding = take(lake, TAKING, _TAKING, {"stack": stack})
    try:
        if instead_of is None:
            taken = lake.create(STACK, as_json(_mark(stack)))
        elif taken := lake.find(STACK) == instead_of:
            holding.refuse_lost()
            write_json(lake, STACK, _mark(stack))
    except BaseException:
        holding.let_go()
        raise
    holding.end()
    if not taken:
        raise UsageError(
            f"the lake {settings().lake_uri} was taken by another stack meanwhile",
            remedy="see whose it is now, by the same command",
        )


def described(owner: dict[str, str]) -> str:
    """Return a stack as people say it."""
    if "stack" not in owner:
        return f"one that {STACK} does not name"
    return f"{owner['stack']} on {owner.get('machine')}, since {owner.get('since')}"


def _mark(stack: str) -> dict[str, str]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"stack": stack, "machine": platform.node(), "since": since}
