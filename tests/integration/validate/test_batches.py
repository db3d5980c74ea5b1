"""A source that is checked in batches gets word for word what it gets in one frame."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
import yaml
from great_expectations.core import ExpectationSuite
from great_expectations.expectations.registry import get_expectation_impl
from great_expectations.expectations.row_conditions import deserialize_row_condition

from mlfactory.lake import spool
from mlfactory.product.loader import Product
from mlfactory.validate import checking
from mlfactory.validate.checking import check
from mlfactory.validate.rules import rules_for
from mlfactory.validate.shape import framed
from mlfactory.validate.suite import FORMAT, _arguments, _opened, crash_of

ROWS = 60


def rule(kind: str, **arguments: Any) -> dict[str, Any]:
    return {"type": f"expect_{kind}", **arguments}


ABOUT_ROWS = [
    rule("column_values_to_be_in_set", column="colour", value_set=["red", "blue"]),
    rule("column_values_to_be_in_set", column="colour", value_set=["red"], mostly=0.33),
    rule("column_values_to_be_in_set", column="colour", value_set=["pink"], severity="warning"),
    rule("column_values_to_not_be_null", column="price"),
    rule("column_values_to_be_null", column="empty"),
    rule("column_values_to_be_between", column="price", min_value=0, max_value=40),
    rule("column_values_to_be_between", column="at", max_value="2026-01-01T00:40:00"),
    rule("column_values_to_match_regex", column="colour", regex="^[a-z]+$"),
    rule("column_value_lengths_to_be_between", column="colour", max_value=3),
    rule("column_pair_values_to_be_equal", column_A="price", column_B="count"),
    rule("multicolumn_sum_to_equal", column_list=["price", "count"], sum_total=4),
    rule("select_column_values_to_be_unique_within_record", column_list=["price", "count"]),
    # in some batches there is nothing that it cannot compare
    rule("column_values_to_be_between", column="late", min_value=1),
    rule("column_values_to_be_between", column="colour", min_value=1, severity="info"),
    rule("column_values_to_not_be_null", column="smell"),
    rule("column_values_to_be_of_type", column="count", type_="int64"),
    rule("column_values_to_be_of_type", column="paid", type_="bool"),
]


OF_ALL_VALUES = [
    rule("column_values_to_be_unique", column="id"),
    rule("column_values_to_be_unique", column="big", mostly=0.2),
    rule("compound_columns_to_be_unique", column_list=["price", "count"]),
    rule(
        "compound_columns_to_be_unique",
        column_list=["price", "count"],
        ignore_row_if="any_value_is_missing",
        severity="warning",
    ),
    rule("column_value_z_scores_to_be_less_than", column="price", threshold=1, double_sided=True),
    rule("column_median_to_be_between", column="price", max_value=1),
    rule("column_most_common_value_to_be_in_set", column="colour", value_set=["red"]),
    rule("column_proportion_of_unique_values_to_be_between", column="price", max_value=0.1),
    rule("column_unique_value_count_to_be_between", column="colour", max_value=1),
    rule("column_distinct_values_to_be_in_set", column="colour", value_set=["red"]),
    rule("column_distinct_values_to_contain_set", column="colour", value_set=["green"]),
    rule("column_distinct_values_to_equal_set", column="colour", value_set=["red", "green"]),
]


FIGURES = [
    rule("column_max_to_be_between", column="price", max_value=10),
    rule("column_min_to_be_between", column="at", min_value="2026-01-01T00:10:00"),
    rule("column_min_to_be_between", column="day", min_value=date(2026, 1, 9)),
    rule("column_sum_to_be_between", column="count", max_value=1),
    rule("column_mean_to_be_between", column="price", max_value=1),
    rule("column_mean_to_be_between", column="paid", max_value=0.1),
    rule("column_stdev_to_be_between", column="price", max_value=1),
    rule("column_stdev_to_be_between", column="big", max_value=1),
    rule("column_proportion_of_non_null_values_to_be_between", column="price", min_value=1),
    rule("column_to_exist", column="colour"),
    rule("column_to_exist", column="smell"),
    rule("column_mean_to_be_between", column="colour", max_value=1),
    rule("table_row_count_to_be_between", max_value=10),
    rule("table_row_count_to_equal", value=ROWS),
    rule("table_column_count_to_equal", value=3),
    rule("table_columns_to_match_set", column_set=["id", "at"]),
    rule("table_columns_to_match_ordered_list", column_list=["id", "at"]),
]


SOME = "colour == 'red' and price is not null"


OF_SOME_ROWS = [
    {**one, "row_condition": condition}
    for one, condition in [
        (ABOUT_ROWS[0], "count > 2"),
        (ABOUT_ROWS[1], "paid"),
        (ABOUT_ROWS[3], "colour != '<pink>'"),
        (ABOUT_ROWS[5], SOME),
        (ABOUT_ROWS[5], "price < count or late is null"),
        (ABOUT_ROWS[9], "at >= '2026-01-01T00:30:00'"),
        (ABOUT_ROWS[10], "count in [1, 2]"),
        # in some batches there is no such row, or in none
        (ABOUT_ROWS[5], "late == 'x'"),
        (ABOUT_ROWS[5], "colour == 'green'"),
        # cannot be asked
        (ABOUT_ROWS[5], "smell > 1"),
        (ABOUT_ROWS[5], "colour > 1"),
        (OF_ALL_VALUES[0], SOME),
        (OF_ALL_VALUES[1], "paid == true"),
        (OF_ALL_VALUES[2], "count > 1"),
        (OF_ALL_VALUES[5], SOME),
        (OF_ALL_VALUES[8], "count > 2"),
        (OF_ALL_VALUES[9], "count > 2"),
        (FIGURES[0], SOME),
        (FIGURES[3], "paid"),
        (FIGURES[4], SOME),
        (FIGURES[8], "paid"),
        (FIGURES[12], SOME),
    ]
]


OF_SEVERAL_COLUMNS = [
    rule("column_pair_values_a_to_be_greater_than_b", column_A="price", column_B="count"),
    rule(
        "column_pair_values_a_to_be_greater_than_b",
        column_A="price",
        column_B="count",
        or_equal=True,
        ignore_row_if="either_value_is_missing",
    ),
    rule(
        "column_pair_values_to_be_in_set",
        column_A="colour",
        column_B="count",
        value_pairs_set=[["red", 1], ["blue", 2]],
    ),
    rule("multicolumn_values_to_be_equal", column_list=["price", "count"]),
    rule("rows_to_satisfy", condition="price >= count or colour == 'red'"),
    rule("rows_to_satisfy", condition="price - count < 9", mostly=0.9, row_condition="paid"),
    rule("rows_to_satisfy", condition="smell > 1"),
    rule("rows_to_satisfy", condition="colour > 1", severity="warning"),
]


def orders(seed: int, rows: int = ROWS) -> pa.Table:
    """Return rows with gaps, repeated keys, unreadable cells and numbers too large for a float."""
    dice = random.Random(seed)
    gaps = (0.02, 0.3, 0)[seed % 3]

    def some(make: Callable[[], Any], gaps: float = gaps) -> list[Any]:
        return [None if dice.random() < gaps else make() for _ in range(rows)]

    start = datetime(2026, 1, 1, tzinfo=UTC)
    prices = (0.0, -0.0, 2.0, 3.5, dice.gauss(9, 20), dice.gauss(9, 20))
    unread = [None, None, None, '{"price": "free"}', '{"count": "7.5", "at": "noon"}']
    return pa.table(
        {
            "id": pa.array(some(lambda: dice.randrange(rows * 2)), pa.int64()),
            "at": pa.array(
                some(lambda: start + timedelta(minutes=dice.randrange(60))),
                pa.timestamp("us", "UTC"),
            ),
            "colour": pa.array(some(lambda: dice.choice(["red", "blue", "<pink>"]))),
            "price": pa.array(some(lambda: dice.choice(prices)), pa.float64()),
            "count": pa.array(some(lambda: dice.randrange(5), gaps / 4), pa.int64()),
            "big": pa.array(some(lambda: 2**60 + dice.randrange(40)), pa.int64()),
            "paid": pa.array(some(lambda: dice.random() < 0.5, gaps / 4), pa.bool_()),
            "day": pa.array(some(lambda: date(2026, 1, dice.randrange(1, 28))), pa.date32()),
            "late": pa.array([None] * (rows // 2) + ["x"] * (rows - rows // 2)),
            "empty": pa.nulls(rows),
            "_rescued": pa.array([dice.choice(unread) for _ in range(rows)], pa.string()),
        }
    )


@pytest.fixture
def product_of(make_product: Callable[..., Product]) -> Callable[..., Product]:
    """Give a function that makes a product with rules about its one source `orders`."""

    def make(rules: Sequence[dict[str, Any]], key: Sequence[str]) -> Product:
        spec = {
            "apiVersion": "mlfactory/v1",
            "name": "shop",
            "partition": {"every": "day", "start": "2026-01-01"},
            "sources": {
                "orders": {"kind": "csv", "path": "a.csv", "event_time": "at", "key": list(key)}
            },
            "expect": {"orders": list(rules)},
            "features": {"key": ["id"], "event_time": "at", "numeric": ["price"]},
            "label": {"column": "bad", "kind": "binary"},
        }
        return make_product(yaml.safe_dump(spec, sort_keys=False))

    return make


def said(product: Product, rows: pa.Table, size: int) -> dict[str, Any]:
    """Return all that a check in batches of a size says, as it is written and shown."""

    def in_batches(*, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        chosen = rows if columns is None else rows.select([*columns])
        yield from (chosen.slice(at, size) for at in range(0, ROWS, size))

    found = check(product, "orders", in_batches, {})
    assert found.result is not None
    return {
        "outcomes": [
            (str(one.rule), one.state, one.observed, one.unexpected, one.message, list(one.rows))
            for one in found.outcomes
        ],
        "count": found.count,
        "bad": [(bad, bad.digest) for piece in found.bad() for bad in piece],
        "passed": found.result.success,
        "statistics": found.result.statistics,
    }


@pytest.mark.parametrize(
    "rules", [ABOUT_ROWS, OF_ALL_VALUES, FIGURES, OF_SOME_ROWS, OF_SEVERAL_COLUMNS]
)
@pytest.mark.parametrize("seed", range(3))
def test_batches_say_what_one_frame_says(
    product_of: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    rules: list[dict[str, Any]],
) -> None:
    monkeypatch.setattr(checking, "PIECE", 7)
    monkeypatch.setattr(spool, "CHUNK", 2)
    product = product_of(rules, key=["id"] if seed % 2 else ["colour", "count"])
    rows = orders(seed)
    whole, found = (said(product, rows, size) for size in (ROWS, 17 + seed))
    outcomes = zip(whole.pop("outcomes"), found.pop("outcomes"), strict=True)
    assert [(one, other) for one, other in outcomes if one != other] == []
    assert found == whole


CONDITIONS = [
    (
        "count > 2",
        {"type": "comparison", "column": {"name": "count"}, "operator": ">", "parameter": 2},
    ),
    (
        "colour != 'red'",
        {"type": "comparison", "column": {"name": "colour"}, "operator": "!=", "parameter": "red"},
    ),
    (
        "colour in ['red', 'blue'] and price is not null",
        {
            "type": "and",
            "conditions": [
                {
                    "type": "comparison",
                    "column": {"name": "colour"},
                    "operator": "IN",
                    "parameter": ["red", "blue"],
                },
                {"type": "nullity", "column": {"name": "price"}, "is_null": False},
            ],
        },
    ),
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("text", "theirs"), CONDITIONS)
def test_a_condition_marks_the_rows_that_great_expectations_marks_with_it(
    product_of: Callable[..., Product], seed: int, text: str, theirs: dict[str, Any]
) -> None:
    """It is asked beside us, of the same frame, with the condition in its own form."""
    rows = orders(seed)
    rules = [
        one
        for one in (*ABOUT_ROWS[:6], *ABOUT_ROWS[7:12], *OF_ALL_VALUES[:3], *OF_SEVERAL_COLUMNS[:2])
        if not one["type"].startswith("expect_rows")
    ]
    product = product_of([{**one, "row_condition": text} for one in rules], key=[])
    found = check(product, "orders", lambda **_: iter([rows]), {})
    ours = {str(one.rule): (one.state, list(one.rows)) for one in found.outcomes}
    asked = [one for one in rules_for(product, "orders") if one.where is not None]
    frame = framed(rows, {})
    _, batch = _opened(product, "orders", frame)
    condition = deserialize_row_condition(theirs)
    suite = ExpectationSuite(
        "theirs",
        expectations=[
            get_expectation_impl(one.type)(
                **_arguments(one, frame), row_condition=condition, meta={"rule": place}
            )
            for place, one in enumerate(asked)
        ],
    )
    results = batch.validate(suite, result_format=FORMAT).results
    assert len(results) == len(rules)
    for result in results:
        assert not crash_of(result)
        state = "pass" if result.success else "fail"
        rule_asked = str(asked[result.expectation_config.meta["rule"]])
        assert ours[rule_asked] == (state, result.result.get("unexpected_index_list") or [])


def test_a_column_reads_as_numbers_only_where_all_batches_say_so(
    product_of: Callable[..., Product],
) -> None:
    """To declare it float, as the advice was then, would lose the cells of the other batch."""
    product = product_of([], key=["id"])
    cells = {3: '{"price": "7,5", "count": "7.5"}', 40: '{"price": "7.5", "count": "8.5"}'}
    rescued = pa.array([cells.get(place) for place in range(ROWS)], pa.string())
    rows = orders(1)
    for ordered in (rescued, pa.array(rescued.to_pylist()[::-1], pa.string())):
        given = rows.set_column(rows.column_names.index("_rescued"), "_rescued", ordered)
        found = said(product, given, 17)["count"]
        assert found == said(product, given, ROWS)["count"]
        readable = {each.column: each.readable_as for each in found.unread}
        assert readable == {"price": "string", "count": "float"}


def test_the_rows_of_a_rule_about_the_whole_source_are_marked_once(
    product_of: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were marked anew, all of them, for every piece of the bad rows."""
    monkeypatch.setattr(checking, "PIECE", 2)
    # nothing tells of a part of the rows whether it holds
    unlike = rule(
        "column_value_z_scores_to_be_less_than", column="price", threshold=0.1, double_sided=True
    )
    product = product_of([unlike, rule("column_values_to_be_unique", column="id")], key=["id"])
    rows = orders(1)
    found = check(product, "orders", lambda **_: iter([rows.slice(0, 31), rows.slice(31)]), {})
    made: list[object] = []
    monkeypatch.setattr(checking, "Marks", lambda *given: made.append(given))
    pieces = [len(piece) for piece in found.bad()]
    assert len(pieces) > 5 and not made


def test_what_cannot_be_hashed_is_said_of_as_in_one_frame(
    product_of: Callable[..., Product],
) -> None:
    rules = [
        rule("column_values_to_be_unique", column="place"),
        rule("compound_columns_to_be_unique", column_list=["id", "places"]),
        rule("column_unique_value_count_to_be_between", column="place", max_value=1),
        rule("column_values_to_not_be_null", column="place"),
    ]
    product = product_of(rules, key=["id"])
    places = {
        "place": pa.array([{"row": n % 7} for n in range(ROWS)]),
        "places": pa.array([[n % 7] for n in range(ROWS)]),
    }
    rows = orders(0)
    for name, values in places.items():
        rows = rows.append_column(name, values)
    assert said(product, rows, 17) == said(product, rows, ROWS)


def test_a_key_that_cannot_be_hashed_is_looked_for_as_in_one_frame(
    product_of: Callable[..., Product],
) -> None:
    product = product_of([], key=["place"])
    place = pa.array([{"row": n % 17} for n in range(ROWS)])
    rows = orders(0).append_column("place", place)
    found = said(product, rows, 17)
    assert found == said(product, rows, ROWS)
    assert found["count"].repeated > 0
