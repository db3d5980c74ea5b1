"""The names and arguments of Great Expectations' expectations, read without importing it.

The import takes seconds and loads pandas; the names are the names of its modules, the arguments the
annotated fields of its classes, and both can be read from its source.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_NOT_FOR_SPECS = frozenset(
    # what the classes declare for their own use, and conditions that YAML cannot express
    {"args_keys", "map_metric", "domain_keys", "success_keys", "library_metadata"}
    | {"row_condition", "condition_parser"}
)
_MAP_DOMAIN = {
    "ColumnMapExpectation": {"column", "mostly"},
    "ColumnAggregateExpectation": {"column"},
    "ColumnPairMapExpectation": {"column_A", "column_B", "mostly", "ignore_row_if"},
    "MulticolumnMapExpectation": {"column_list", "mostly", "ignore_row_if"},
}
_HAVE_DEFAULTS = {"mostly", "ignore_row_if"}


@cache
def expectation_names() -> frozenset[str]:
    """Return the type of every expectation of the installed Great Expectations that can be used."""
    return frozenset(
        path.stem
        for path in _folder().glob("expect_*.py")
        # what it has not moved to its present API yet raises as soon as it is made
        if "raise NotImplementedError" not in path.read_text(encoding="utf-8")
    )


@cache
def expectation_arguments(name: str) -> frozenset[str]:
    """Return the arguments that the expectation `name` takes, without its severity and notes."""
    return frozenset(_arguments(name))


@cache
def required_arguments(name: str) -> frozenset[str]:
    """Return the arguments that the expectation `name` cannot be made without."""
    return frozenset(argument for argument, required in _arguments(name).items() if required)


def _arguments(name: str) -> dict[str, bool]:
    """Return the arguments of an expectation, and of each whether it must be given."""
    tree = ast.parse((_folder() / f"{name}.py").read_text(encoding="utf-8"))
    wanted = name.replace("_", "")
    found: dict[str, bool] = {}
    for node in tree.body:
        if not (isinstance(node, ast.ClassDef) and node.name.lower() == wanted):
            continue
        for base in node.bases:
            for inherited in _MAP_DOMAIN.get(getattr(base, "id", ""), ()):
                found[inherited] = inherited not in _HAVE_DEFAULTS
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                found[field.target.id] = _is_required(field)
    return {
        argument: required
        for argument, required in found.items()
        if argument not in _NOT_FOR_SPECS and not argument.startswith("_")
    }


def _is_required(field: ast.AnnAssign) -> bool:
    """Tell whether pydantic wants a value: there is no default, and None is none either."""
    kind = ast.unparse(field.annotation)
    if "Optional" in kind or "None" in kind:
        return False
    if field.value is None:
        return True
    if not (isinstance(field.value, ast.Call) and ast.unparse(field.value.func).endswith("Field")):
        return False
    defaults = [given for given in field.value.keywords if str(given.arg).startswith("default")]
    return not field.value.args and not defaults


def _folder() -> Path:
    spec = find_spec("great_expectations")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("great_expectations is not installed; run 'make env'")
    return Path(spec.submodule_search_locations[0]) / "expectations" / "core"
