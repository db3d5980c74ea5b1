"""The small phrases a spec is written in: `6 partitions`, `1 day`, `2%`, `2 of 3`.

Each is a frozen value with a pattern, so that a mistake can be told with what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

LONGEST = timedelta(days=100 * 365)
MOST_PARTITIONS = 100_000
"""More than eleven years of hours."""

_DIGITS = 18
_UNITS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}


@dataclass(frozen=True)
class KOfN:
    """At least `k` of the newest `n` partitions."""

    k: int
    n: int

    def __str__(self) -> str:
        return f"{self.k} of {self.n}"


@dataclass(frozen=True)
class Quota:
    """At most `count` within the newest `partitions` partitions."""

    count: int
    partitions: int

    def __str__(self) -> str:
        return f"{self.count} per {self.partitions} partitions"


def _phrase(
    pattern: str,
    example: str,
    make: Callable[[re.Match[str]], Any],
    passes: type | tuple[type, ...],
) -> tuple[BeforeValidator, WithJsonSchema]:
    compiled = re.compile(rf"^{pattern}$", re.ASCII)

    def read(value: Any) -> Any:
        if isinstance(value, passes) and not isinstance(value, bool):
            return value
        match = compiled.match(str(value).strip())
        if match is None:
            raise ValueError(f"expected something like '{example}', got '{str(value)[:80]}'")
        return make(match)

    schema = {"type": "string", "pattern": compiled.pattern, "examples": [example]}
    return BeforeValidator(read), WithJsonSchema(schema)


def _k_of_n(match: re.Match[str]) -> KOfN:
    found = KOfN(_amount(match[1]), _amount(match[2]))
    if not 1 <= found.k <= found.n:
        raise ValueError(f"'{found}' asks for more than there are")
    return found


def _percentage(match: re.Match[str]) -> float:
    value = float(match[1]) / 100
    if value > 1:
        raise ValueError(f"{match[0]} is more than the whole; at most 100%")
    return value


def _amount(text: str) -> int:
    found = int(text[:_DIGITS])
    if len(text) >= _DIGITS or found > MOST_PARTITIONS:
        raise ValueError(f"at most {MOST_PARTITIONS:,} partitions can be asked for")
    return found


def _duration(match: re.Match[str]) -> timedelta:
    seconds = int(match[1][:_DIGITS]) * _UNITS[match[2]]
    if len(match[1]) >= _DIGITS or seconds > LONGEST.total_seconds():
        raise ValueError(f"'{match[0][:40]}' is more than {LONGEST.days // 365} years")
    return timedelta(seconds=seconds)


def _write_duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    for unit, size in reversed(_UNITS.items()):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}{'s' if seconds // size != 1 else ''}"
    return f"{seconds // 60} minutes"


Partitions = Annotated[
    int,
    *_phrase(r"(\d+) partitions?", "6 partitions", lambda m: _amount(m[1]), ()),
    PlainSerializer(lambda v: f"{v} partition{'s' if v != 1 else ''}"),
]
"""A number of partitions; always at least 0."""

Duration = Annotated[
    timedelta,
    *_phrase(
        r"(\d+) (minute|hour|day|week)s?",
        "30 days",
        _duration,
        timedelta,
    ),
    PlainSerializer(_write_duration),
]

Fraction = Annotated[
    float,
    *_phrase(r"(\d+(?:\.\d+)?)\s*%", "2%", _percentage, ()),
    PlainSerializer(lambda v: f"{v * 100:g}%"),
]
"""A share between 0 and 1, written as a percentage."""

Times = Annotated[KOfN, *_phrase(r"(\d+) of (\d+)", "2 of 3", _k_of_n, KOfN), PlainSerializer(str)]

Allowance = Annotated[
    Quota,
    *_phrase(
        r"(\d+) per (\d+) partitions?",
        "6 per 12 partitions",
        lambda m: Quota(_amount(m[1]), _amount(m[2])),
        Quota,
    ),
    PlainSerializer(str),
]


def _watch(value: Any) -> Any:
    if isinstance(value, bool):
        return timedelta(minutes=1) if value else None
    if value is None or isinstance(value, timedelta):
        return value
    match = _PAUSE.match(str(value).strip())
    if match is None or not int(match[1][:_DIGITS]):
        raise ValueError(f"expected true, or something like '5 minutes', got '{str(value)[:80]}'")
    return _duration(match)


_PAUSE = re.compile(r"^(\d+) (minute|hour|day|week)s?$", re.ASCII)

Watch = Annotated[
    timedelta | None,
    BeforeValidator(_watch),
    PlainSerializer(lambda value: value and _write_duration(value)),
    WithJsonSchema(
        {
            "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": _PAUSE.pattern}],
            "examples": [True, "5 minutes"],
        }
    ),
]
"""How long it is from one look at a place to the next; None where nobody looks."""
