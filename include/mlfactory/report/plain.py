"""Words of data and specs within Markdown: they are shown as they are and mean nothing in it."""

from __future__ import annotations

import re

_SHOWN = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {sign: f"\\{sign}" for sign in "\\|`[]*~"}
_NOTHING = "\u200b"
"""Of no width: what has it within is no name, number or address any more."""

_CALLS = re.compile(
    # a person, an issue: in GitHub also GH-12
    r"[@#]|(?<![^\W_])GH-(?=\d)"
    # a picture such as :tada:, and an address
    r"|:(?=[\w+-]+:|//)|(?<![^\W_])www(?=\.)",
    re.IGNORECASE,
)
_LEANS = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
"""An underscore that is not within a word: there it would make words lean."""


def plain(words: str) -> str:
    """Return words of others for a line or a cell of Markdown.

    A name of a column or a class may be anything: it ends no line or cell of a table, opens no tag,
    code or link, is written no other way, shows no picture, and calls no person and no issue.
    """
    one_line = " ".join(words.splitlines())
    shown = _LEANS.sub(r"\\_", "".join(_SHOWN.get(sign, sign) for sign in one_line))
    return _CALLS.sub(rf"\g<0>{_NOTHING}", shown)
