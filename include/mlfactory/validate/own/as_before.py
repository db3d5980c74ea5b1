"""`expect_columns_to_be_as_before`: the columns of the last partition that was let through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlfactory.validate.own.asked import Asked
from mlfactory.validate.rules import Rule
from mlfactory.validate.suite import Outcome

_SORTS = (
    ("number", ("int", "uint", "float", "double", "halffloat", "decimal")),
    ("text", ("string", "large_string")),
    ("time", ("timestamp", "date")),
    ("true or false", ("bool",)),
    ("list", ("list", "large_list", "fixed_size_list")),
    ("mapping", ("struct", "map")),
)
_LONGEST = 20
"""Columns of each kind that are named in words."""


@dataclass(frozen=True)
class Change:
    """How the columns of a source differ from those of an earlier partition.

    Attributes:
        against: that partition.
        retyped: of each column the sorts of its values then and now.
    """

    against: str
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    retyped: Mapping[str, tuple[str, str]] | None = None

    def __bool__(self) -> bool:
        """Tell whether there is any difference."""
        return bool(self.new or self.gone or self.retyped)

    def __str__(self) -> str:
        retyped = [f"{name} (was {old}, is {new})" for name, (old, new) in self._retyped]
        told = [
            f"{word}: {', '.join(names[:_LONGEST])}{', …' if len(names) > _LONGEST else ''}"
            for word, names in (("new", self.new), ("gone", self.gone), ("retyped", retyped))
            if names
        ]
        return f"{'; '.join(told) or 'the same columns'} (against {self.against})"

    @property
    def _retyped(self) -> list[tuple[str, tuple[str, str]]]:
        return list((self.retyped or {}).items())

    def as_facts(self) -> dict[str, object]:
        """Return the change as a manifest has it."""
        retyped = {name: f"{old} -> {new}" for name, (old, new) in self._retyped}
        return {
            "against": self.against,
            "new": list(self.new),
            "gone": list(self.gone),
            "retyped": retyped,
        }


def answer(rule: Rule, asked: Asked) -> Outcome:
    """Return whether the columns are those of the last partition that was let through."""
    change = changed(asked)
    if change is None:
        return Outcome(rule, "insufficient", "no partition before says which columns it had")
    return Outcome(rule, "fail" if change else "pass", str(change), change=change.as_facts())


def changed(asked: Asked) -> Change | None:
    """Return how the columns changed, None if that is not known.

    A column of text is taken for what most of its cells could be read as: that nearly none of them
    are the numbers any more that they were, is a change of its type.
    """
    before, now = asked.beside.before, asked.beside.columns
    last = before.last() if before is not None else None
    if before is None or last is None or now is None:
        return None
    known = before.columns_of(last, asked.source)
    if known is None:
        return None
    retyped = {
        name: sorts
        for name in known.keys() & now.keys()
        if (sorts := (sort_of(known[name]), sort_of(now[name]))) and _differ(*sorts)
    } | {name: sorts for name, sorts in asked.unread.items() if name in known}
    return Change(
        last.key,
        tuple(name for name in now if name not in known),
        tuple(name for name in known if name not in now),
        dict(sorted(retyped.items())),
    )


def sort_of(kind: str) -> str:
    """Return the sort of values of a type of Arrow, in words; a width is none."""
    begins = kind.partition("[")[0].partition("<")[0].partition("(")[0].rstrip("0123456789")
    return next((word for word, names in _SORTS if begins in names), begins)


def _differ(old: str, new: str) -> bool:
    # a column without a value may become of any type
    return old != new and "null" not in (old, new)
