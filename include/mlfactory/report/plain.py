"""Words of data and specs within Markdown: they are shown as they are and mean nothing in it."""

from __future__ import annotations

_SHOWN = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "\\|", "`": "\\`", "[": "\\[", "]": "\\]"}
_NOBODY = "\u200b"
"""Of no width; an @ before it calls nobody."""


def plain(words: str) -> str:
    """Return words of others for a line or a cell of Markdown.

    A name of a column or a class may be anything: it ends no line or cell of a table, opens no tag,
    code or link, and calls no person.
    """
    one_line = " ".join(words.replace("\\", "\\\\").splitlines())
    shown = "".join(_SHOWN.get(sign, sign) for sign in one_line)
    return shown.replace("@", f"@{_NOBODY}")
