"""Which stack a lake belongs to: the schedules of two would do everything twice.

The first that starts writes its name into the lake; of all who try, one is told that it did. The
command line works without a stack, and is let in beside the one that there is.
"""

from __future__ import annotations

import platform
from datetime import UTC, datetime

from mlfactory.lake.store import as_json, find_json, store_at, write_json
from mlfactory.product.errors import UsageError
from mlfactory.settings import settings

MARK = "_stack.json"
"""In the lake; no product has this name."""


def claim_lake(stack: str) -> None:
    """Make the lake this stack's, if it is nobody's yet.

    Raises:
        UsageError: if it is another's.
    """
    lake = store_at(settings().lake_uri)
    if not lake.create(MARK, as_json(_mark(stack))):
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
    found = find_json(store_at(settings().lake_uri), MARK)
    return None if found is None else {name: str(value) for name, value in found.items()}


def take_lake(stack: str) -> dict[str, str] | None:
    """Make the lake this stack's, whoever had it; return the mark of that one."""
    former = owner_of_lake()
    write_json(store_at(settings().lake_uri), MARK, _mark(stack))
    return former


def described(owner: dict[str, str]) -> str:
    """Return a stack as people say it."""
    if "stack" not in owner:
        return f"one that {MARK} does not name"
    return f"{owner['stack']} on {owner.get('machine')}, since {owner.get('since')}"


def _mark(stack: str) -> dict[str, str]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"stack": stack, "machine": platform.node(), "since": since}
