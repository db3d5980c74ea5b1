"""What is found of features that look ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Way = Literal[
    "rows that came later",
    "labels that were not known yet",
    "the label of its own event",
    "labels that label.arrives_after says were not known yet",
]
LATER: Way = "rows that came later"
EARLY: Way = "labels that were not known yet"
OWN: Way = "the label of its own event"
SAID: Way = "labels that label.arrives_after says were not known yet"


@dataclass(frozen=True)
class Peek:
    """A feature that looks ahead.

    Attributes:
        by: what it is made of and must not be.
        columns: in which the labels are that it looks at; none of rows that came later.
        events: how many of `looked_at` events it is another one of, at the moment where most are.
        example: the key of one of them.
    """

    feature: str
    by: Way
    columns: tuple[str, ...]
    events: int
    looked_at: int
    example: Mapping[str, object]

    @property
    def is_sure(self) -> bool:
        """Tell whether it looks ahead, or only as the spec has it: labels may come sooner."""
        return self.by != SAID

    def __str__(self) -> str:
        made = f" ({', '.join(self.columns)})" if self.columns else ""
        key = ", ".join(f"{name}={value}" for name, value in self.example.items())
        return (
            f"'{self.feature}' is made of {self.by}{made}: without them it is another one for "
            f"{self.events:,} of {self.looked_at:,} events, such as {key}"
        )


@dataclass(frozen=True)
class Found:
    """What looks ahead, of how many events, and what could not be tried."""

    peeks: tuple[Peek, ...]
    events: int
    untried: tuple[str, ...]
