"""How the commands write a line: as it is, without markup, and not broken at the window's width."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text


def say(console: Console, line: str | Text, style: str = "") -> None:
    """Write `line` to `console` as it is."""
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
