from __future__ import annotations

import pytest

from mlfactory.product.conditions import (
    Among,
    Column,
    Compared,
    Computed,
    Joined,
    Missing,
    NoConditionError,
    Not,
    Value,
    columns_of,
    condition_of,
)

A, B = Column("a"), Column("b")


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("a > 3", Compared(">", A, Value(3))),
        ("a == -3", Compared("==", A, Value(-3))),
        ("3 <= a < b", Joined("and", (Compared("<=", Value(3), A), Compared("<", A, B)))),
        ("a in ['x', 'y']", Among(A, ("x", "y"))),
        ("a not in [1]", Among(A, (1,), negated=True)),
        ("a is null", Missing(A)),
        ("a is not None", Missing(A, negated=True)),
        ("a.isnull()", Missing(A)),
        ('col("a").notnull()', Missing(A, negated=True)),
        ('col("a b") == "x"', Compared("==", Column("a b"), Value("x"))),
        ("not a == true", Not(Compared("==", A, Value(True)))),
        ("a", Compared("==", A, Value(True))),
        ("a ==\n 'x  y'", Compared("==", A, Value("x  y"))),
        ("a + 2 * b >= 0", None),
        ("a > 1 or\n  b < 2 and a < 9", None),
    ],
)
def test_a_text_becomes_a_tree(text: str, means: object) -> None:
    found = condition_of(text)
    assert found == means or means is None
    assert set(columns_of(found)) <= {"a", "b", "a b"}


def test_arithmetic_is_of_columns_and_numbers() -> None:
    found = condition_of("a + 2 * b >= 0")
    right = Computed("*", Value(2), B)
    assert found == Compared(">=", Computed("+", A, right), Value(0))
    assert columns_of(found) == ("a", "b")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "a.str.len() > 3",
        "a > open('/etc/passwd')",
        "@a > 3",
        "a[0] > 3",
        "(lambda: 1)() > a",
        "[x for x in a] == 1",
        "a if b else a",
        "f'{a}' == 'x'",
        "a := 3",
        "a.__class__ == 1",
        "col(a) == 1",
        "col('a', 'b') == 1",
        "a > b'x'",
        "a ** 9 ** 9 ** 9 > 1",
        "a > 1 & b < 2",
        "a == null",
        "a is 3",
        "a in b",
        "a > 99999999999999999999",
        "",
        "a >",
        "3",
        "'a'",
        "a > 1" + " or a > 1" * 500,
        "(" * 400 + "a > 1" + ")" * 400,
    ],
)
def test_what_is_no_condition_is_refused_and_never_run(text: str) -> None:
    with pytest.raises(NoConditionError):
        condition_of(text)


def test_great_expectations_own_form_means_the_same() -> None:
    given = {
        "type": "and",
        "conditions": [
            {"type": "comparison", "column": {"name": "a"}, "operator": ">", "parameter": 3},
            {"type": "nullity", "column": "b", "is_null": False},
            {
                "type": "or",
                "conditions": [
                    {"type": "comparison", "column": "a", "operator": "IN", "parameter": [4, 5]},
                    {"type": "pass_through", "pass_through_filter": "b == 'x'"},
                ],
            },
        ],
    }
    text = "a > 3 and b is not null and (a in [4, 5] or b == 'x')"
    assert condition_of(given) == condition_of(text)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"type": "maybe"}, "with type, one of"),
        (5, "with type, one of"),
        ({"type": "nullity", "column": "a"}, "needs 'is_null'"),
        ({"type": "nullity", "column": "a", "is_null": True, "x": 1}, "has no 'x'"),
        ({"type": "comparison", "column": "a", "operator": "~", "parameter": 1}, "operator is one"),
        ({"type": "comparison", "column": 3, "operator": "==", "parameter": 1}, "column is a name"),
        ({"type": "and", "conditions": []}, "a list of conditions"),
        ({"type": "comparison", "column": "a", "operator": "IN", "parameter": "x"}, "is a list"),
        ({"type": "comparison", "column": "a", "operator": "==", "parameter": None}, "no value"),
    ],
)
def test_what_does_not_suit_that_form_is_told(given: object, says: str) -> None:
    with pytest.raises(NoConditionError, match=says):
        condition_of(given)
