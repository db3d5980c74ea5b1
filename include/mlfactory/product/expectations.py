"""The names and arguments of Great Expectations' expectations, read without importing it.

The import takes seconds and loads pandas. The package ships a JSON schema of each expectation, and
its `core/__init__.py` says which of them it has.
"""

from __future__ import annotations

import ast
import json
from datetime import date
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_NOT_FOR_SPECS = frozenset(
    # what every expectation has and the factory sets or leaves alone, windows, and conditions,
    # which the factory reads itself
    {"id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content"}
    | {"severity", "windows", "batch_id", "metadata", "library_metadata"}
    | {"row_condition", "condition_parser"}
)
CONDITION = "row_condition"
PARSER = "condition_parser"
PARSERS = ("pandas", "great_expectations")
"""What may be named as parser; it is ours all the same, which reads what is common to both."""
CONDITIONS = (CONDITION, PARSER)
"""Arguments that say which rows a rule is about."""
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str, date),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list, tuple),
    "null": (type(None),),
}
"""Of schemas and of YAML. Great Expectations' `object` means a parameter given at run time, which
nobody gives here, so it is no type of a spec's."""


@cache
def expectation_names() -> frozenset[str]:
    """Return the type of every expectation that can be checked on a frame of pandas."""
    return frozenset(name for name in _schemas() if is_expectation(name))


def is_expectation(name: str) -> bool:
    """Tell whether there is such an expectation, and it is not for databases alone."""
    if name not in _schemas():
        return False
    metadata: dict[str, Any] = _schema(name)["properties"]["metadata"]["properties"]
    return "Pandas" in list(metadata["supported_data_sources"]["const"])


@cache
def expectation_arguments(name: str) -> frozenset[str]:
    """Return the arguments that the expectation `name` takes, without its severity and notes."""
    return frozenset(_schema(name)["properties"]) - _NOT_FOR_SPECS


@cache
def takes_condition(name: str) -> bool:
    """Tell whether the expectation `name` can be about some of the rows."""
    return CONDITION in _schema(name)["properties"]


@cache
def required_arguments(name: str) -> frozenset[str]:
    """Return the arguments that the expectation `name` cannot be made without."""
    return frozenset(_schema(name).get("required", ())) - _NOT_FOR_SPECS


def unfit(name: str, argument: str, value: Any) -> str:
    """Return what the argument should be if `value` is no such thing, or nothing."""
    expected = _mismatch(_schema(name)["properties"][argument], value)
    return " or ".join(dict.fromkeys(expected))


def _mismatch(schema: dict[str, Any], value: Any) -> list[str]:
    """Return what a schema accepts in place of `value`; nothing where it accepts it, or may."""
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        found: list[str] = []
        for option in options:
            expected = _mismatch(option, value)
            if not expected:
                return []
            found += expected
        return [each for each in found if each != "object"]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"one of {schema['enum']}"]
    kind = schema.get("type")
    if kind == "object":
        return ["object"]
    if kind not in _TYPES:
        return []
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return [{"string": "text", "array": "a list"}.get(kind, f"a {kind}")]
    if isinstance(value, list | tuple) and isinstance(schema.get("items"), dict):
        wrong = [each for part in value for each in _mismatch(schema["items"], part)]
        return [f"a list with {wrong[0].removeprefix('a ')} in each place"] if wrong else []
    return _out_of_bounds(schema, value)


def _out_of_bounds(schema: dict[str, Any], value: Any) -> list[str]:
    if "minimum" in schema and value < schema["minimum"]:
        return [f"at least {schema['minimum']:g}"]
    if "maximum" in schema and value > schema["maximum"]:
        return [f"at most {schema['maximum']:g}"]
    if schema.get("type") == "string" and isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            return ["some text"]
        if schema.get("format") in ("date", "date-time") and not value[:4].isdigit():
            return ["a date"]
    return []


@cache
def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_schemas()[name].read_text(encoding="utf-8"))
    return found


@cache
def _schemas() -> dict[str, Path]:
    """Return the file of the schema of each expectation that the package exports, by its type."""
    core = _core()
    tree = ast.parse((core / "__init__.py").read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("expect_")):
            continue
        file = core / "schemas" / f"{node.names[0].name}.json"
        if node.module and file.is_file():
            found[node.module] = file
    return found


def _core() -> Path:
    spec = find_spec("great_expectations")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("great_expectations is not installed; run 'make env'")
    return Path(spec.submodule_search_locations[0]) / "expectations" / "core"
