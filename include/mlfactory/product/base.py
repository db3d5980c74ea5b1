"""The base of every model of a spec: frozen, and refusing keys it does not know."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A frozen value whose unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
"""A name of a column or a file as people write them: some characters, none of them a control."""


def keys_of(value: Any) -> set[str] | None:
    """Return the keys by which members of a union are told apart; None of what has no keys."""
    if isinstance(value, BaseModel):
        return set(type(value).model_fields)
    return {str(key) for key in value} if isinstance(value, dict) else None
