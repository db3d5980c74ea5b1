"""Conditions on a row, as `row_condition` and `expect_rows_to_satisfy` have them.

They are read into a small tree and never run as code: what is not a comparison of columns and
values, joined by `and`, `or` and `not`, is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal

Comparison = Literal["==", "!=", "<", "<=", ">", ">="]

LONGEST = 2_000
"""Characters of a condition."""

_DEEPEST = 40
"""How deep a condition of Great Expectations' own form may be nested."""

_COMPARED: Mapping[type[ast.cmpop], Comparison] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_COMPUTED: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_EMPTY_CELLS = {"isnull": True, "isna": True, "notnull": False, "notna": False}
_EXAMPLE = "a condition is like \"price > 0 and colour in ['red', 'blue']\""


@dataclass(frozen=True)
class Column:
    """The cells of a column."""

    name: str


@dataclass(frozen=True)
class Value:
    """The same value in each row."""

    value: str | int | float | bool


@dataclass(frozen=True)
class Computed:
    """What two numbers of a row make: `+`, `-`, `*` or `/`."""

    operator: str
    left: Operand
    right: Operand


Operand = Column | Value | Computed


@dataclass(frozen=True)
class Compared:
    """Two values of a row compared."""

    operator: Comparison
    left: Operand
    right: Operand


@dataclass(frozen=True)
class Among:
    """Whether a value is one of some, or (`negated`) none of them."""

    operand: Operand
    values: tuple[str | int | float | bool, ...]
    negated: bool = False


@dataclass(frozen=True)
class Missing:
    """Whether there is no value, or (`negated`) one."""

    operand: Operand
    negated: bool = False


@dataclass(frozen=True)
class Joined:
    """Several conditions: all of them hold (`and`), or one (`or`)."""

    word: Literal["and", "or"]
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """That a condition does not hold."""

    part: Condition


Condition = Compared | Among | Missing | Joined | Not


class NoConditionError(ValueError):
    """What was given is no condition; says why."""


def condition_of(given: Any) -> Condition:
    """Return a condition as a spec has it: text, or Great Expectations' own form of mappings.

    Raises:
        NoConditionError: if it is none.
    """
    if isinstance(given, str):
        return _of_text(given)
    return _of_mapping(given, 0)


def columns_of(condition: Condition | Operand) -> tuple[str, ...]:
    """Return the columns that a condition looks at, each once."""
    return tuple(dict.fromkeys(_columns(condition)))


def _columns(part: Condition | Operand) -> Iterator[str]:
    match part:
        case Column(name):
            yield name
        case Compared() | Computed():
            yield from _columns(part.left)
            yield from _columns(part.right)
        case Among() | Missing():
            yield from _columns(part.operand)
        case Joined():
            for each in part.parts:
                yield from _columns(each)
        case Not():
            yield from _columns(part.part)


@cache
def _of_text(text: str) -> Condition:
    if len(text) > LONGEST:
        raise NoConditionError(f"a condition has at most {LONGEST:,} characters")
    try:
        # read as an expression of Python, and only looked at: it is never compiled nor run
        tree = ast.parse(text.strip().replace("\n", " "), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NoConditionError(f"cannot be read as a condition; {_EXAMPLE}") from None
    try:
        return _condition(tree.body)
    except RecursionError:
        raise NoConditionError("is nested too deep") from None


def _condition(node: ast.expr) -> Condition:
    match node:
        case ast.BoolOp(op, values):
            word: Literal["and", "or"] = "and" if isinstance(op, ast.And) else "or"
            return Joined(word, tuple(map(_condition, values)))
        case ast.UnaryOp(ast.Not(), operand):
            return Not(_condition(operand))
        case ast.Compare():
            return _comparison(node)
        case ast.Call(ast.Attribute(inner, asked), [], []) if asked in _EMPTY_CELLS:
            return Missing(_operand(inner), negated=not _EMPTY_CELLS[asked])
        case ast.Name() | ast.Call():
            # a column of true and false is a condition by itself
            return Compared("==", _operand(node), Value(True))
        case ast.BinOp(_, ast.BitAnd() | ast.BitOr(), _) | ast.UnaryOp(ast.Invert(), _):
            raise NoConditionError("write and, or and not instead of &, | and ~")
    raise NoConditionError(f"'{_shown(node)}' is no comparison; {_EXAMPLE}")


def _comparison(node: ast.Compare) -> Condition:
    parts: list[Condition] = []
    operands = [node.left, *node.comparators]
    for place, operator in enumerate(node.ops):
        left, right = operands[place], operands[place + 1]
        if isinstance(operator, ast.In | ast.NotIn):
            negated = isinstance(operator, ast.NotIn)
            parts.append(Among(_operand(left), _values(right), negated))
        elif _is_nothing(right) or _is_nothing(left):
            other = left if _is_nothing(right) else right
            if not isinstance(operator, ast.Is | ast.IsNot):
                raise NoConditionError("nothing is equal to null: write `is null` or `is not null`")
            parts.append(Missing(_operand(other), isinstance(operator, ast.IsNot)))
        elif type(operator) in _COMPARED:
            parts.append(Compared(_COMPARED[type(operator)], _operand(left), _operand(right)))
        else:
            raise NoConditionError("`is` asks for null only: write ==")
    return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))


def _operand(node: ast.expr) -> Operand:
    match node:
        case ast.Name(name):
            word = _WORDS.get(name)
            return Column(name) if word is None else Value(word)
        case ast.Call(ast.Name("col"), [ast.Constant(str(name))], []):
            return Column(name)
        case ast.Constant(bool() | int() | float() | str()):
            return Value(_plain(node.value))
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as number)):
            return Value(-_plain(number))
        case ast.UnaryOp(ast.USub(), inner):
            return Computed("-", Value(0), _operand(inner))
        case ast.BinOp(left, operator, right) if type(operator) in _COMPUTED:
            return Computed(_COMPUTED[type(operator)], _operand(left), _operand(right))
    raise NoConditionError(
        f"'{_shown(node)}' is neither a column nor a value; a column whose name is no plain word "
        'is written col("its name")'
    )


def _plain(value: Any) -> Any:
    if isinstance(value, int) and abs(value) >= 2**63:
        raise NoConditionError(f"{str(value)[:30]} is larger than 64 bits hold")
    return value


def _values(node: ast.expr) -> tuple[str | int | float | bool, ...]:
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        raise NoConditionError("what follows `in` is a list of values, like ['red', 'blue']")
    found = [_operand(each) for each in node.elts]
    if not all(isinstance(each, Value) for each in found):
        raise NoConditionError("what follows `in` is a list of values only")
    return tuple(each.value for each in found if isinstance(each, Value))


def _is_nothing(node: ast.expr) -> bool:
    match node:
        case ast.Constant(None) | ast.Name("null"):
            return True
    return False


def _shown(node: ast.expr) -> str:
    return ast.unparse(node)[:60]


def _of_mapping(given: Any, depth: int) -> Condition:
    """Return what Great Expectations' own form says: `{type: comparison, column: ..., ...}`."""
    kind = given.get("type") if isinstance(given, Mapping) else None
    if not isinstance(kind, str) or kind not in _FORMS or depth > _DEEPEST:
        raise NoConditionError(f"expected a text or a mapping with type, one of {sorted(_FORMS)}")
    takes, make = _FORMS[kind]
    for name in given:
        if name not in ("type", *takes):
            raise NoConditionError(f"a {kind} has no '{name}'; it takes {list(takes)}")
    for name in takes:
        if name not in given:
            raise NoConditionError(f"a {kind} needs '{name}'")
    return make(given, depth)


def _compared(given: Mapping[str, Any], _: int) -> Condition:
    column, operator, value = _named(given["column"]), given["operator"], given["parameter"]
    if operator in ("IN", "NOT_IN"):
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise NoConditionError(f"the parameter of {operator} is a list")
        return Among(column, tuple(map(_value, value)), operator == "NOT_IN")
    if operator not in _COMPARED.values():
        known = [*_COMPARED.values(), "IN", "NOT_IN"]
        raise NoConditionError(f"the operator is one of {known}, got {str(operator)[:20]!r}")
    return Compared(operator, column, Value(_value(value)))


def _nullity(given: Mapping[str, Any], _: int) -> Condition:
    return Missing(_named(given["column"]), negated=not given["is_null"])


def _joined(given: Mapping[str, Any], depth: int) -> Condition:
    parts = given["conditions"]
    if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
        raise NoConditionError("conditions is a list of conditions")
    return Joined(given["type"], tuple(_of_mapping(each, depth + 1) for each in parts))


def _passed_through(given: Mapping[str, Any], _: int) -> Condition:
    return _of_text(str(given["pass_through_filter"]))


_FORMS: Mapping[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any], int], Condition]]] = {
    "comparison": (("column", "operator", "parameter"), _compared),
    "nullity": (("column", "is_null"), _nullity),
    "and": (("conditions",), _joined),
    "or": (("conditions",), _joined),
    "pass_through": (("pass_through_filter",), _passed_through),
}
"""Great Expectations' forms of a condition: what each takes, and what makes it."""


def _named(given: Any) -> Column:
    name = given.get("name") if isinstance(given, Mapping) else given
    if not isinstance(name, str) or not name:
        raise NoConditionError("column is a name, or {name: ...}")
    return Column(name)


def _value(given: Any) -> str | int | float | bool:
    if isinstance(given, date):
        return given.isoformat()
    if not isinstance(given, str | int | float):
        raise NoConditionError(f"{str(given)[:60]!r} is no value to compare with")
    plain: str | int | float | bool = _plain(given)
    return plain
