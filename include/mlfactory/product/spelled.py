"""How text stands for characters and numbers, as sources of text declare it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field


def _known(encoding: str) -> str:
    try:
        "".encode(encoding)
    except (LookupError, ValueError):
        raise ValueError("expected the name of an encoding, like 'utf-8' or 'cp1252'") from None
    return encoding


Encoding = Annotated[str, AfterValidator(_known)]
Decimal = Annotated[
    Literal[".", ","], Field(description="The sign between whole and fraction of numbers")
]
Thousands = Annotated[
    Literal[".", ",", "'", "\u2019", " ", "\u00a0", "\u202f", "_"] | None,
    Field(description="The sign between groups of three digits of numbers"),
]
