"""YAML as its version 1.2 reads scalars: `NO`, `yes`, `off` and `12:30:00` are text.

PyYAML reads version 1.1, in which a list of countries has a boolean in it. Booleans are `true` and
`false` only. Dates stay dates, and a number with leading zeros stays text: it is a code.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # a PyYAML built without libyaml reads the same, slower
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

_PREFIX = "tag:yaml.org,2002:"
_SIGNS_AND_DIGITS = [*"-+0123456789"]
_SCALARS: list[tuple[str, str, list[str]]] = [
    # tag, pattern, first characters
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", _SIGNS_AND_DIGITS),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        [*_SIGNS_AND_DIGITS, "."],
    ),
    (
        "timestamp",
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
        r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
        r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?",
        [*"0123456789"],
    ),
    ("merge", r"<<", ["<"]),
]


class Loader(_SafeLoader):
    """Reads scalars as YAML 1.2 does, and what cannot be read as a mistake with its line."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in _SCALARS:
    Loader.add_implicit_resolver(_PREFIX + _tag, re.compile(rf"^(?:{_pattern})$"), _first)


def _integer(loader: Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _number(loader: Loader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


def _date(loader: Loader, node: yaml.ScalarNode) -> Any:
    return loader.construct_yaml_timestamp(node)


def _told(construct: Any) -> Any:
    """Return `construct` so that what it cannot read is told with its line."""

    def constructed(loader: Loader, node: yaml.ScalarNode) -> Any:
        try:
            return construct(loader, node)
        except (ValueError, AttributeError, OverflowError, TypeError) as error:
            problem = f"'{str(node.value)[:40]}' cannot be read: {error}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    return constructed


for _tag, _construct in (("int", _integer), ("float", _number), ("timestamp", _date)):
    Loader.add_constructor(_PREFIX + _tag, _told(_construct))
