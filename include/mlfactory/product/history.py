"""What a spec declares of the past: columns joined as of each event, and figures over windows."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from mlfactory.product.base import Name, Strict
from mlfactory.product.quantities import Duration

OVER = "{over}"
"""What stands in the name of a figure for the length of its window."""

How = Literal["count", "sum", "mean", "rate", "min", "max", "distinct"]

CONDITIONS = ("at_least", "at_most", "above", "below", "equals")


def _by(value: Any) -> Any:
    """Return columns as the event's by the source's name: a list has the same in both."""
    if isinstance(value, str):
        return {value: value}
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return {each: each for each in value}
    return value


By = Annotated[
    dict[Name, Name],
    BeforeValidator(_by),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}},
                {"type": "object", "additionalProperties": {"type": "string"}},
            ]
        }
    ),
]
"""Columns that an event and a row of the source have in common; the event's name first."""


class Joined(Strict):
    """Columns of the newest row of a source that was known at each event."""

    source: Name
    by: By = Field(
        default_factory=dict,
        description="Columns that both the built frame and the source have, or {of the frame: of "
        "the source}; none: all rows are everyone's",
    )
    make: dict[Name, Name] = Field(
        min_length=1, description="Names of features, each with the column of the source"
    )
    known_after: Duration = Field(
        timedelta(0), description="How long after its event_time a row of the source is known"
    )
    max_age: Duration | None = Field(
        None, description="Older rows are not taken; features.history by default"
    )


class Figure(Strict):
    """What is made of the rows of a window."""

    how: How
    of: Name | None = Field(None, description="Column of the source; count needs none")
    at_least: float | None = Field(None, description="Only rows whose value is as large count")
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    equals: bool | int | float | str | None = None
    prior: float | None = Field(
        None,
        gt=0,
        description="A mean or rate is drawn to that of all rows of the window, whatever their "
        "key, as if so many more rows had it",
    )

    @property
    def conditions(self) -> dict[str, bool | float | str]:
        """Return what a row's value must meet."""
        given = {name: getattr(self, name) for name in CONDITIONS}
        return {name: value for name, value in given.items() if value is not None}


class Windows(Strict):
    """Figures of the rows of a source before each event, over one window or several."""

    source: Name
    by: By = Field(
        default_factory=dict,
        description="Columns that both the built frame and the source have, or {of the frame: of "
        "the source}; none: all rows are everyone's",
    )
    over: tuple[Duration, ...] = Field(
        min_length=1, description="How far back from the event a row may lie"
    )
    known_after: Duration = Field(
        timedelta(0), description="How long after its event_time a row of the source is known"
    )
    make: dict[Name, Figure] = Field(
        min_length=1,
        description="Names of features, each with its figure; {over} in a name is replaced by the "
        "length of the window: 14d, 6h, 30m",
    )

    @field_validator("over", mode="before")
    @classmethod
    def _as_list(cls, over: Any) -> Any:
        return over if isinstance(over, list | tuple) else (over,)

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of what is made, figure after figure."""
        return tuple(named(name, over) for name in self.make for over in self.over)


def named(name: str, over: timedelta) -> str:
    """Return the name of a figure over a window."""
    return name.replace(OVER, short(over))


def short(over: timedelta) -> str:
    """Return a length as it stands in names: 14d, 6h, 30m."""
    minutes = int(over.total_seconds()) // 60
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes and minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"
