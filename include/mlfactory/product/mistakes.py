"""How a mistake in a spec is told: where it is, what it is, and the name that was meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

Found = tuple[tuple[str | int, ...], str]
"""Where in the spec a mistake is, and what it is."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the valid name nearest to `name`, or nothing."""
    close = get_close_matches(str(name), [str(v) for v in valid], n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""
