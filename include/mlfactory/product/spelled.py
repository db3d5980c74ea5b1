"""How numbers are written as text, as sources of text declare it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Decimal = Annotated[
    Literal[".", ","], Field(description="The sign between whole and fraction of numbers")
]
Thousands = Annotated[
    Literal[".", ",", "'", "\u2019", " ", "\u00a0", "\u202f", "_"] | None,
    Field(description="The sign between groups of three digits of numbers"),
]
