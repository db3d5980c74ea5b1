"""The steps by which the rows of a source are cleaned after they landed, one model for each.

`do` names the step. Steps are taken in the order in which they are written, and the landed rows
stay as they were received.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from mlfactory.product.base import Name, Strict

Constant = str | int | float | bool


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _named_null(value: Any) -> Any:
    # unquoted, YAML reads the word as no value
    return "null" if value is None else value


_NAMES = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
    ]
}
Columns = Annotated[
    tuple[Name, ...], Field(min_length=1), BeforeValidator(_as_tuple), WithJsonSchema(_NAMES)
]
SomeColumns = Annotated[tuple[Name, ...], BeforeValidator(_as_tuple), WithJsonSchema(_NAMES)]


class _Step(Strict):
    """What every step has."""

    do: str
    columns: SomeColumns

    def __str__(self) -> str:
        return f"{self.do} {', '.join(self.columns)}".strip()


class Trim(_Step):
    """Blanks around text are taken off; text of nothing else is no value."""

    do: Literal["trim"]
    columns: SomeColumns = Field((), description="One column or several; all of text by default")
    inner: bool = Field(False, description="Make blanks within the text one each")


class Case(_Step):
    """Text in one case."""

    do: Literal["case"]
    columns: Columns
    to: Literal["lower", "upper", "title"]


class Map(_Step):
    """Words that mean the same become one: `{N.Y.: NY}`; null is no value."""

    do: Literal["map"]
    columns: Columns
    values: dict[str, str | None] = Field(min_length=1)
    others: Annotated[Literal["keep", "null", "quarantine"], BeforeValidator(_named_null)] = Field(
        "keep", description="What becomes of words that are neither left nor right in it"
    )


class Nulls(_Step):
    """Words and numbers that mean no value, beside the empty cell."""

    do: Literal["nulls"]
    columns: SomeColumns = Field((), description="One column or several; all of text by default")
    words: tuple[str | int | float, ...] = Field(min_length=1)

    @field_validator("words", mode="before")
    @classmethod
    def _no_booleans(cls, value: Any) -> Any:
        for word in value if isinstance(value, list | tuple) else ():
            if isinstance(word, bool):
                # as a number it would take away every 0 or 1
                raise ValueError(f"YAML reads this word as {str(word).lower()}: put it in quotes")
        return value


class Number(_Step):
    """Text read as numbers, as a country or a system writes them."""

    do: Literal["number"]
    columns: Columns
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'", "_"] = ""

    @model_validator(mode="after")
    def _two_signs(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both '{self.decimal}'")
        return self


class Time(_Step):
    """Text read as times, by the first of some formats that fits, then as ISO 8601."""

    do: Literal["time"]
    columns: Columns
    formats: tuple[str, ...] = Field(min_length=1, description="As strptime has them")


class Unit(_Step):
    """Numbers in another unit: value * factor + offset."""

    do: Literal["unit"]
    columns: Columns
    factor: float = 1.0
    offset: float = 0.0

    @field_validator("factor")
    @classmethod
    def _not_zero(cls, value: float) -> float:
        if not value:
            raise ValueError("expected a number other than 0, which would make all values one")
        return value


class Outliers(_Step):
    """Numbers beyond bounds: moved to the bound, taken out, or the row put into quarantine."""

    do: Literal["outliers"]
    columns: Columns
    at_least: float | None = None
    at_most: float | None = None
    then: Annotated[Literal["clip", "null", "quarantine"], BeforeValidator(_named_null)]

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("expected at_least, at_most, or both")
        if None not in (self.at_least, self.at_most) and self.at_least > self.at_most:  # type: ignore[operator]
            raise ValueError(f"at_least {self.at_least} is more than at_most {self.at_most}")
        return self

    @property
    def within(self) -> str:
        """Return the bounds in words."""
        least = "" if self.at_least is None else f"at least {self.at_least:g}"
        most = "" if self.at_most is None else f"at most {self.at_most:g}"
        return " and ".join(each for each in (least, most) if each)


class Fill(_Step):
    """A value where there is none: a constant, another column's, or the key's last known one."""

    do: Literal["fill"]
    columns: Columns
    value: Constant | None = Field(None, description="A constant")
    source: Name | None = Field(
        None, alias="from", description="Another column, whose value of the same row is taken"
    )
    last_of: SomeColumns = Field(
        (), description="Columns of a key, whose last value within the partition is taken"
    )
    by: Name | None = Field(
        None, description="Column that says which row of a key is earlier; their order by default"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = (self.value is not None, self.source is not None, bool(self.last_of))
        if sum(ways) != 1:
            raise ValueError("expected one of value, from and last_of")
        if self.by is not None and not self.last_of:
            raise ValueError("'by' goes with last_of")
        if set(self.columns) & {self.source, self.by, *self.last_of}:
            raise ValueError("a column cannot be filled from itself")
        return self


class Duplicates(_Step):
    """Rows of one key: one of them is kept, or the partition stops."""

    do: Literal["duplicates"]
    columns: SomeColumns = Field((), description="Columns of the key; the source's by default")
    keep: Literal["first", "last", "stop"]
    by: Name | None = Field(
        None, description="With last: the row with the largest value of this column is kept"
    )

    @model_validator(mode="after")
    def _by_what(self) -> Self:
        if self.by is not None and self.keep != "last":
            raise ValueError("'by' goes with keep: last")
        return self


Step = Annotated[
    Case | Duplicates | Fill | Map | Nulls | Number | Outliers | Time | Trim | Unit,
    Field(discriminator="do"),
]

ABOUT_TEXT = (Trim, Case, Map, Number, Time)
"""Steps of text columns."""

READ_FROM_TEXT = (Number, Time)
"""Steps that make something else of text, which must land as such."""


def read_from_text(steps: tuple[Step, ...]) -> frozenset[str]:
    """Return the columns whose cells must land as the text that was received."""
    return frozenset(
        name for step in steps if isinstance(step, READ_FROM_TEXT) for name in step.columns
    )
