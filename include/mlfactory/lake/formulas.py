"""Text for spreadsheets: what one would take for a formula is written so that it is text."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How a text begins that would be a formula, or one before which quotation marks were put."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def guarded(text: str) -> str:
    """Return a text so that no spreadsheet takes it for a formula; numbers are none."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """Return a text as it was before it was guarded."""
    bare = text[1:]
    return bare if text.startswith("'") and guarded(bare) == text else text
