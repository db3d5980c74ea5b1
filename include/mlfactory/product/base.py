"""The base of every model of a spec: frozen, and refusing keys it does not know."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen value whose unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
