"""Gates as a spec names them: the conditions a candidate must pass to be promoted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from mlfactory.product.base import Name, Strict, keys_of


class BoundGate(Strict):
    """The candidate's own figure on the held-out rows must not pass a bound."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> BoundGate:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a gate has either at_least or at_most, one of the two")
        return self


class BeatsGate(Strict):
    """The candidate must be better than the champion on the same held-out rows.

    Passes when the improvement is above 0 beyond chance, at `confidence`: rows of one day, or of
    one entity, count together. Where no champion serves yet, the naive baseline takes its place.
    """

    metric: str
    beats: Literal["champion"]
    confidence: float = Field(0.95, gt=0.5, lt=1)


class SliceGate(Strict):
    """No slice may lose more than a bound against the champion (or the naive baseline)."""

    metric: str
    slice: Name = Field(description="Column whose every value is a slice")
    drop_at_most: float = Field(ge=0)


def _kind_of_gate(value: Any) -> str | None:
    keys = keys_of(value)
    if keys is None:
        return None
    if keys & {"beats", "confidence"}:
        return "BeatsGate"
    if keys & {"slice", "drop_at_most"}:
        return "SliceGate"
    return "BoundGate"


Gate = Annotated[
    Annotated[BoundGate, Tag("BoundGate")]
    | Annotated[BeatsGate, Tag("BeatsGate")]
    | Annotated[SliceGate, Tag("SliceGate")],
    Discriminator(_kind_of_gate),
]
