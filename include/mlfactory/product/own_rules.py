"""Rules that Great Expectations has not: about other sources, other partitions and whole rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from mlfactory.product.base import Name, Strict
from mlfactory.product.conditions import columns_of, condition_of
from mlfactory.product.expectations import CONDITION
from mlfactory.product.quantities import Duration, Partitions

Mostly = Annotated[float, Field(ge=0, le=1)]


class OwnRule(Strict):
    """What a rule of ours takes."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that it names; none where those are the source's own."""
        return ()


class RowRule(OwnRule):
    """A rule about rows, which may be those only that meet a condition."""

    row_condition: Any = None
    mostly: Mostly = 1.0


class Satisfy(RowRule):
    """No row of which a condition is false; a missing value that would decide lets it pass."""

    condition: Any

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that the condition is about."""
        return columns_of(condition_of(self.condition))


class Match(RowRule):
    """Each row has one of another source, in the same partition, with the same values."""

    source: Name
    on: dict[Name, Name] = Field(min_length=1)
    rows: Literal["accepted", "landed"] = "accepted"

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of the rule's own source."""
        return tuple(self.on)


class BeNew(RowRule):
    """No row whose values stood already in an earlier partition."""

    column_list: tuple[Name, ...] | None = Field(None, min_length=1)
    within: Partitions = Field(100, ge=1)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns, if they are named."""
        return self.column_list or ()


class BeUsual(OwnRule):
    """As many rows as partitions like this one mostly had."""


class BeRecent(OwnRule):
    """The newest time of a column is not older, at the partition's end, than this."""

    at_most: Duration
    column: Name | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the column, if it is named."""
        return (self.column,) if self.column else ()


class BeAsBefore(OwnRule):
    """The columns, and the sorts of their values, of the last partition that was let through."""


SATISFY = "expect_rows_to_satisfy"
MATCH = "expect_rows_to_match"
NEW = "expect_rows_to_be_new"
USUAL = "expect_row_count_to_be_usual"
RECENT = "expect_newest_event_to_be_recent"
AS_BEFORE = "expect_columns_to_be_as_before"

OWN_RULES: Mapping[str, type[OwnRule]] = {
    SATISFY: Satisfy,
    MATCH: Match,
    NEW: BeNew,
    USUAL: BeUsual,
    RECENT: BeRecent,
    AS_BEFORE: BeAsBefore,
}
"""What each of our rules takes, by its type."""

OF_PARTITIONS = frozenset({NEW, USUAL, RECENT, AS_BEFORE})
"""Those that ask where in time a partition is, which a snapshot is not."""

PER_ROW = frozenset({SATISFY, MATCH, NEW})
"""Those whose answer is one for each row."""


def read_own(kind: str, arguments: Mapping[str, Any]) -> OwnRule:
    """Return what a rule of ours asks for.

    Raises:
        ValidationError: of pydantic, if the arguments do not suit it.
    """
    return OWN_RULES[kind].model_validate(dict(arguments))


def columns_named(kind: str, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that a rule looks at by its condition, or as a rule of ours.

    None of a rule that is no rule, as `check` tells.
    """
    condition = arguments.get(CONDITION)
    try:
        found = () if condition is None else columns_of(condition_of(condition))
        own = read_own(kind, arguments).columns if kind in OWN_RULES else ()
    except ValueError:
        return ()
    return tuple(dict.fromkeys((*own, *found)))
