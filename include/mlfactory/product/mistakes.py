"""How a mistake in a spec is told: where it is, what it is, and the name that was meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

TOLD = 10
"""How many names a message lists: who has lost ten thousand columns reads none of them."""

Found = tuple[tuple[str | int, ...], str]
"""Where in the spec a mistake is, and what it is."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the valid name nearest to `name`, or nothing."""
    close = get_close_matches(str(name), [str(v) for v in valid], n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""


def listed(names: Collection[str]) -> str:
    """Return the first names between quotation marks, and how many there are beside them."""
    first = ", ".join(f"'{name}'" for name in list(names)[:TOLD])
    return first if len(names) <= TOLD else f"{first} and {len(names) - TOLD:,} more"
