"""Numbers as a source writes them: which sign begins the fraction, and which parts thousands.

One pattern for all who read such numbers: landings, steps of cleaning, and people who correct rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.product.source import BaseSource

_NO_NUMBER = "no number"


@dataclass(frozen=True)
class Numbers:
    """How numbers are written: `1.234,56` has the decimal `,` and the thousands `.`."""

    decimal: str = "."
    thousands: str | None = None

    @cached_property
    def pattern(self) -> str:
        """Return what all numbers look like; groups of thousands do not begin with 0.

        `0.500` is no five hundred: whoever wrote it meant another sign.
        """
        decimal, thousands = re.escape(self.decimal), re.escape(self.thousands or "")
        whole = rf"\d+|[1-9]\d{{0,2}}({thousands}\d{{3}})+" if self.thousands else r"\d+"
        return rf"^[+-]?(({whole})({decimal}\d*)?|{decimal}\d+)([eE][+-]?\d+)?$"

    def plain(self, text: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return texts with numbers as all else writes them; what is none here is none there.

        `1.5` is no number where the fraction begins with a comma, and `12.34` none of groups of
        three: another number would be made of it without a word.
        """
        if self == PLAIN:
            return text
        found = text
        if self.thousands:
            found = pc.replace_substring(found, self.thousands, "")
        found = pc.replace_substring(found, self.decimal, ".")
        return pc.if_else(pc.match_substring_regex(text, self.pattern), found, _NO_NUMBER)

    def plain_cell(self, text: str | None, kind: pa.DataType) -> str | None:
        """Return what `plain` does of one cell of a column of numbers; others are left alone."""
        if text is None or not _of_numbers(kind):
            return text
        return str(self.plain(pa.chunked_array([[text.strip()]]))[0].as_py())

    def written(self, plain: str | None, kind: pa.DataType) -> str | None:
        """Return a cell that `plain_cell` gave as it is written here: `1234.5` as `1234,5`."""
        if plain is None or not _of_numbers(kind):
            return plain
        return plain.replace(".", self.decimal)


PLAIN = Numbers()


def _of_numbers(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def numbers_of(source: BaseSource) -> Numbers:
    """Return how a source writes its numbers; one that is no text writes none."""
    return Numbers(getattr(source, "decimal", "."), getattr(source, "thousands", None))
