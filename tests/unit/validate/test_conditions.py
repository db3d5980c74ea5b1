"""Conditions keep the rows that Great Expectations keeps: it is asked beside them."""

from __future__ import annotations

import random
from typing import Any

import great_expectations as gx
import numpy as np
import pandas as pd
import pytest
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.row_conditions import deserialize_row_condition

from mlfactory.product.conditions import condition_of
from mlfactory.validate.conditions import ConditionError, rows_against, rows_where

FRAME = pd.DataFrame(
    {
        "a": [1.0, np.nan, 3.0, -4.0],
        "n": [1, 2, 3, 2**60],
        "text": pd.Series(["x", None, "it's", "y"], dtype="str"),
        "at": pd.to_datetime(["2026-01-01", None, "2026-01-03", "2026-01-04"], utc=True),
        "paid": pd.Series([True, None, False, True], dtype="object"),
        "nothing": pd.Series([None] * 4, dtype="object"),
    }
)


def where(text: str) -> list[int]:
    return [int(row) for row in np.flatnonzero(rows_where(condition_of(text), FRAME))]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a > 1", [2]),
        ("a != 1", [1, 2, 3]),
        ("not a == 1", [1, 2, 3]),
        ("a is null or n >= 3", [1, 2, 3]),
        ('text == "it\'s"', [2]),
        ("text not in ['x', 'y']", [1, 2]),
        ("at >= '2026-01-03'", [2, 3]),
        ("at in ['2026-01-03T00:00:00Z']", [2]),
        ("paid", [0, 3]),
        ("paid == false", [2]),
        ("n == 1152921504606846976", [3]),
        ("n + 1 > 1152921504606846976", [3]),
        ("a * 2 > n", [0, 2]),
        ("a / (n - 1) > 0", [2]),
        ("nothing == 3", []),
        ("nothing is null and a > 0", [0, 2]),
        ("-a > 3", [3]),
    ],
)
def test_the_rows_of_a_condition(text: str, rows: list[int]) -> None:
    assert where(text) == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a > 1", [0, 3]),
        ("not a > 1", [2]),
        ("a != 1", [0]),
        ("a > 1 or n == 1", [3]),
        ("a > 1 or n == 2", [0, 3]),
        ("a > 1 and n == 2", [0, 2, 3]),
        ("a > 1 and n == 1", [0, 1, 2, 3]),
        ("a not in [1, 3]", [0, 2]),
        ("a is not null", [1]),
    ],
)
def test_a_missing_value_that_would_decide_breaks_nothing(text: str, rows: list[int]) -> None:
    condition = condition_of(text)
    assert np.flatnonzero(rows_against(condition, FRAME)).tolist() == rows
    if "null" not in text:
        for filled in (-100.0, 1.0, 3.0, 100.0):
            whole = FRAME.assign(a=FRAME["a"].fillna(filled))
            assert not rows_where(condition, whole)[rows].any()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("text > 3", "text cannot be compared with number"),
        ("a == 'x'", "number cannot be compared with text"),
        ("at > 3", "time cannot be compared with number"),
        ("at > 'soon'", "'soon' is no time"),
        ("text + 1 > 2", "there is no . of text"),
        ("smell > 1", "the column 'smell', which is not there"),
    ],
)
def test_what_cannot_be_compared_is_told(text: str, says: str) -> None:
    with pytest.raises(ConditionError, match=says):
        where(text)


def _random(dice: random.Random, depth: int = 2) -> dict[str, Any]:
    if depth and dice.random() < 0.5:
        parts = [_random(dice, depth - 1) for _ in range(dice.randrange(1, 4))]
        return {"type": dice.choice(["and", "or"]), "conditions": parts}
    column = dice.choice(["a", "n", "text"])
    if dice.random() < 0.25:
        return {"type": "nullity", "column": {"name": column}, "is_null": dice.random() < 0.5}
    value: Any = dice.choice(["x", "y", "it's"]) if column == "text" else dice.randrange(-2, 3)
    operators = ["==", "!=", "IN", "NOT_IN"] + ([] if column == "text" else ["<", "<=", ">", ">="])
    operator = dice.choice(operators)
    if operator in ("IN", "NOT_IN"):
        value = [value, *([7, 1] if column != "text" else ["z"])]
    return {
        "type": "comparison",
        "column": {"name": column},
        "operator": operator,
        "parameter": value,
    }


def test_the_rows_are_those_of_great_expectations() -> None:
    dice, rows = random.Random(gx.__version__), 50

    def some(make: Any) -> list[Any]:
        return [None if dice.random() < 0.2 else make() for _ in range(rows)]

    frame = pd.DataFrame(
        {
            "a": pd.Series(some(lambda: float(dice.randrange(-2, 3))), dtype="float64"),
            "n": [dice.randrange(-2, 3) for _ in range(rows)],
            "text": pd.Series(some(lambda: dice.choice(["x", "y", "it's", ""])), dtype="str"),
        }
    )
    engine, compared = PandasExecutionEngine(batch_data_dict={"it": frame}), 0
    for _ in range(400):
        given = _random(dice)
        asked = {"batch_id": "it", "row_condition": deserialize_row_condition(given)}
        try:
            theirs = engine.get_domain_records(asked).index.tolist()
        except ValueError:
            continue  # pandas makes nothing of an empty clause
        ours = np.flatnonzero(rows_where(condition_of(given), frame)).tolist()
        assert ours == theirs, given
        compared += 1
    assert compared > 200


DUE = ["2026-01-01", "2026-01-02", "2026-01-03T05:00", "2026-01-04T05:00:00+02:00"]


def late(due: list[str]) -> list[bool]:
    """Return of things that happen at five on four days which come after they were due."""
    at = pd.to_datetime([f"2026-01-0{day}T05:00Z" for day in range(1, 1 + len(due))], utc=True)
    frame = pd.DataFrame({"at": at, "due": pd.Series(due, dtype="str")})
    return [bool(each) for each in rows_against(condition_of("at <= due"), frame)]


def test_times_are_read_cell_by_cell_whatever_stands_beside_them() -> None:
    assert late(DUE) == [True, True, False, True]
    for cut in range(1, len(DUE)):
        frame = pd.DataFrame({"due": pd.Series(DUE[cut:], dtype="str")})
        after = rows_where(condition_of("due > '2026-01-02T12:00'"), frame)
        assert after.tolist() == [False, False, True, True][cut:]
    assert late(DUE[::-1][:2]) == [False, False]


@pytest.mark.parametrize("wrong", ["01/06/2026", "3", "now", "2026-13-01", "soon"])
@pytest.mark.parametrize("place", [0, 2])
def test_what_is_no_time_for_sure_is_named_wherever_it_stands(wrong: str, place: int) -> None:
    due = [*DUE[:place], wrong, *DUE[place:3]]
    with pytest.raises(ConditionError, match=f"'{wrong}' is no time as ISO 8601 has it"):
        late(due)
    with pytest.raises(ConditionError, match=f"'{wrong}' is no time"):
        where(f"at > '{wrong}'")


LARGE = 2**63 - 1


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("n * n > 0", [LARGE, 3], [True, True]),
        ("n + n > n", [LARGE, 1], [True, True]),
        ("n + 1 > n", [LARGE, -1], [True, True]),
        ("n - 1 < n", [-LARGE - 1, 1], [True, True]),
        ("-n > 0", [-LARGE - 1, -5], [True, True]),
        ("n * n * n > 0", [-LARGE, 3], [False, True]),
        ("n * 2 - n == n", [LARGE, 3], [True, True]),
        (f"n * {LARGE} > 0", [2, -2], [True, False]),
        ("n * n / n == n", [3, 0], [True, False]),
        ("n * n / n > 1e18", [LARGE, 3], [True, False]),
        ("n == 9007199254740992.0", [2**53 + 1, 2**53], [False, True]),
        ("n in [9007199254740992.0]", [2**53 + 1, 2**53], [False, True]),
    ],
)
def test_whole_numbers_do_not_begin_again_at_the_other_end(
    text: str, values: list[int], holds: list[bool]
) -> None:
    condition = condition_of(text)
    assert rows_where(condition, pd.DataFrame({"n": values})).tolist() == holds
    # with a gap a column of whole numbers is of another type
    gap = pd.DataFrame({"n": pd.array([*values, None], "Int64")})
    assert rows_where(condition, gap).tolist() == [*holds, False]
    fails = [not each for each in holds] if "/" not in text else None
    if fails is not None:
        assert rows_against(condition, gap).tolist() == [*fails, False]


def test_a_whole_number_is_not_the_float_beside_it() -> None:
    frame = pd.DataFrame({"n": [2**53 + 1, 2**53, 5], "f": [2.0**53, 2.0**53, 5.5]})
    assert rows_where(condition_of("n == f"), frame).tolist() == [False, True, False]
    assert rows_where(condition_of("n > f"), frame).tolist() == [True, False, False]


def test_truth_is_counted_as_one_and_nothing_stays_unknown() -> None:
    frame = pd.DataFrame({"a": [True, True, False], "b": [True, False, False]})
    assert rows_where(condition_of("a + b > 1"), frame).tolist() == [True, False, False]
    assert rows_where(condition_of("a - b > 0"), frame).tolist() == [False, True, False]
    assert where("paid + 1 > 1") == [0, 3]
    assert where("nothing + 1 > 0") == []
    with pytest.raises(ConditionError, match="too large"):
        where(" * ".join(["n", *[str(LARGE)] * 20]) + " / 3 > 1")
