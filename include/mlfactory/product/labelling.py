"""Rows that people are asked to label: how many of a partition, and how they are chosen."""

from __future__ import annotations

from pydantic import Field, field_validator

from mlfactory.product.base import Name, Strict
from mlfactory.product.quantities import Fraction

LABELLING = "labelling"
"""What `label.from` says where all labels are answers of people."""


class Strategy(Strict):
    """Which shares of a batch are chosen how; together they are the whole."""

    uncertainty: Fraction = Field(0.0, description="Those nearest to the model's decision")
    value: Fraction = Field(0.0, description="Those whose error is expected to cost most")
    random: Fraction = Field(
        0.0,
        description="Any, each with the same chance: what an honest "
        "estimate of the model is made of",
    )


class Labelling(Strict):
    """A queue of rows for people to label, drawn from each partition's predictions."""

    batch: int = Field(50, ge=1, le=1000, description="Rows of a partition, at most")
    strategy: Strategy = Strategy.model_validate({"uncertainty": "50%", "random": "50%"})
    classes: tuple[str, ...] = Field((), description="What may be answered, of several classes")
    shows: tuple[Name, ...] = Field(
        (), description="Features that people are shown; by default all that the model is given"
    )

    @field_validator("classes")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value) or any(not each.strip() for each in value):
            raise ValueError("expected names, each once")
        return value
