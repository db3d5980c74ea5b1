"""Declared history is what a loop over the events finds, with nothing but the past of each."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlfactory.prepare.asof import with_declared
from mlfactory.prepare.asof.grouped import NOBODY, groups_of
from mlfactory.product.errors import BuildError
from mlfactory.product.spec import ProductSpec

Frames = Mapping[str, pd.DataFrame]

START = pd.Timestamp("2026-03-01", tz="UTC")
FIGURES: dict[str, dict[str, Any]] = {
    "rows_{over}": {"how": "count"},
    "paid_{over}": {"how": "count", "of": "amount"},
    "large_{over}": {"how": "count", "of": "amount", "above": 0, "below": 3},
    "sum_{over}": {"how": "sum", "of": "amount"},
    "mean_{over}": {"how": "mean", "of": "amount"},
    "drawn_{over}": {"how": "mean", "of": "amount", "prior": 5},
    "min_{over}": {"how": "min", "of": "amount"},
    "max_{over}": {"how": "max", "of": "amount"},
    "share_{over}": {"how": "rate", "of": "amount", "at_least": 0.5},
    "words_{over}": {"how": "rate", "of": "shop", "equals": "a"},
    "shops_{over}": {"how": "distinct", "of": "shop"},
}


def spec(**features: Any) -> ProductSpec:
    return ProductSpec.model_validate(
        {
            "apiVersion": "mlfactory/v1",
            "name": "shops",
            "partition": {"every": "month", "start": "2026-03-01"},
            "sources": {
                "orders": {"kind": "csv", "path": "o.csv", "event_time": "at"},
                "people": {"kind": "csv", "path": "p.csv", "key": ["who"]},
            },
            "features": {
                "key": ["id"],
                "event_time": "at",
                "numeric": ["n"],
                "history": "30 days",
                **features,
            },
            "label": {"column": "y", "kind": "binary"},
        }
    )


def made(product: ProductSpec, events: pd.DataFrame, sources: Frames) -> pd.DataFrame:
    return with_declared(product, "shops", events, sources)[list(product.features.declared)]


def drawn(seed: int, events: int = 40, rows: int = 400) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return events and rows: unsorted, at few moments, with gaps everywhere."""
    draw = np.random.default_rng(seed)

    def moments(count: int) -> pd.Series:
        hours = pd.to_timedelta(draw.integers(0, 200, count) * 6, "h")
        return pd.Series(START + hours)

    def keys(count: int) -> pd.Series:
        return pd.Series(draw.choice([1.0, 2.0, 3.0, np.nan], count, p=[0.5, 0.2, 0.2, 0.1]))

    amount = draw.normal(0, 1, rows) * 10.0 ** draw.integers(-3, 6, rows)
    orders = pd.DataFrame(
        {
            "at": moments(rows),
            "who": keys(rows),
            "shop": draw.choice(["a", "b", "c", None], rows),
            "amount": np.where(draw.random(rows) < 0.2, np.nan, amount),
        }
    )
    asked = pd.DataFrame({"id": np.arange(events), "at": moments(events), "person": keys(events)})
    asked["shop"] = draw.choice(["a", "b", "d", None], events)
    return asked, orders


def naive(
    events: pd.DataFrame,
    orders: pd.DataFrame,
    by: Mapping[str, str],
    over: pd.Timedelta,
    wait: pd.Timedelta,
) -> pd.DataFrame:
    """Return the figures as one who keeps a list of the past would find them."""
    found = []
    for _, event in events.iterrows():
        age = event["at"] - orders["at"]
        inside = orders[(age <= over) & (age > wait)]
        mine = inside
        for of_event, of_rows in by.items():
            mine = mine[mine[of_rows] == event[of_event]]
        amounts, shops = mine["amount"].dropna().tolist(), mine["shop"].dropna()
        mean = fsum(amounts) / len(amounts) if amounts else np.nan
        everyone = inside["amount"].dropna().tolist()
        of_all = fsum(everyone) / len(everyone) if everyone else np.nan
        figures = {
            "rows": len(mine),
            "paid": len(amounts),
            "large": sum(0 < each < 3 for each in amounts),
            "sum": fsum(amounts),
            "mean": mean,
            "drawn": (fsum(amounts) + 5 * of_all) / (len(amounts) + 5),
            "min": min(amounts, default=np.nan),
            "max": max(amounts, default=np.nan),
            "share": np.mean([each >= 0.5 for each in amounts]) if amounts else np.nan,
            "words": np.mean(shops == "a") if len(shops) else np.nan,
            "shops": shops.nunique(),
        }
        nobody = any(pd.isna(event[name]) for name in by)
        found.append({name: np.nan if nobody else each for name, each in figures.items()})
    return pd.DataFrame(found, dtype="float64")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("by", [{}, {"person": "who"}, {"person": "who", "shop": "shop"}])
def test_windows_are_what_a_loop_over_the_past_finds(seed: int, by: dict[str, str]) -> None:
    events, orders = drawn(seed)
    figures = FIGURES if by else {k: v for k, v in FIGURES.items() if "prior" not in v}
    windows = {"source": "orders", "by": by, "over": ["1 day", "18 hours", "30 days"]}
    windows |= {"known_after": "6 hours", "make": figures}
    found = made(spec(windows=[windows]), events, {"orders": orders})

    assert found.notna().any(axis="index").all()
    for name, over in (("1d", "1D"), ("18h", "18h"), ("30d", "30D")):
        expected = naive(events, orders, by, pd.Timedelta(over), pd.Timedelta("6h"))
        for figure in figures:
            column = figure.replace("{over}", name)
            np.testing.assert_allclose(
                found[column],
                expected[figure.removesuffix("_{over}")],
                rtol=1e-15,
                atol=0,
                err_msg=column,
            )


@pytest.mark.parametrize("seed", range(4))
def test_the_newest_row_known_by_then_is_joined_and_the_last_of_one_time(seed: int) -> None:
    events, orders = drawn(seed)
    joined = {"source": "orders", "by": {"person": "who"}, "make": {"last": "amount", "s": "shop"}}
    joined |= {"known_after": "6 hours", "max_age": "3 days"}
    found = made(spec(joined=[joined]), events, {"orders": orders})

    for place, event in events.iterrows():
        age = event["at"] - orders["at"]
        mine = orders[(age >= pd.Timedelta("6h")) & (age <= pd.Timedelta("3D"))]
        mine = mine[mine["who"] == event["person"]].sort_values("at", kind="stable")
        row = mine.iloc[-1] if len(mine) else {"amount": np.nan, "shop": None}
        for name, column in (("last", "amount"), ("s", "shop")):
            value = found.loc[place, name]
            assert (pd.isna(value) and pd.isna(row[column])) or value == row[column]
    assert 0 < found["last"].notna().sum() < len(events)


def test_a_row_at_the_very_moment_is_joined_and_not_yet_counted() -> None:
    events = pd.DataFrame({"id": [1], "at": [START], "who": ["x"]})
    orders = pd.DataFrame(
        {"at": [START, START - pd.Timedelta("1us")], "who": ["x", "x"], "amount": [5.0, 7.0]}
    )
    declared = spec(
        joined=[{"source": "orders", "by": "who", "make": {"last": "amount"}}],
        windows=[
            {"source": "orders", "by": "who", "over": "1 day", "make": {"c": {"how": "count"}}}
        ],
    )
    assert made(declared, events, {"orders": orders}).to_numpy().tolist() == [[5.0, 1.0]]


def test_times_meet_whatever_their_zone_and_unit_and_keys_whatever_their_type() -> None:
    at = pd.Timestamp("2026-03-02 12:00", tz="UTC")
    events = pd.DataFrame({"id": [1], "at": [at.tz_convert("Asia/Kolkata")], "who": ["3"]})
    orders = pd.DataFrame(
        {
            "at": pd.Series([at - pd.Timedelta("1h")] * 2).dt.as_unit("ns"),
            "who": [3.0, np.nan],
            "amount": [2, 2**60 + 1],
        }
    )
    declared = spec(
        joined=[{"source": "orders", "by": "who", "make": {"last": "amount"}}],
        windows=[
            {"source": "orders", "by": "who", "over": "1 day", "make": {"c": {"how": "count"}}}
        ],
    )
    found = made(declared, events, {"orders": orders})
    assert found["last"].tolist() == [2]
    assert found["c"].tolist() == [1]


def test_what_lies_around_a_window_changes_not_a_digit_of_it() -> None:
    events, orders = drawn(3, events=200, rows=2000)
    windows = {"source": "orders", "by": {"person": "who"}, "over": "2 days"}
    windows |= {"make": {k.replace("_{over}", ""): v for k, v in FIGURES.items()}}
    declared = spec(windows=[windows])
    late = events[events["at"] >= START + pd.Timedelta("20D")]
    near = orders[orders["at"] >= START + pd.Timedelta("18D")]
    far = pd.DataFrame(
        {"at": START, "who": [1.0, 2.0, 3.0], "shop": "z", "amount": [1e300, -1e17, 1e-300]}
    )
    shuffled = pd.concat([orders, far]).sample(frac=1, random_state=1)

    found = made(declared, late, {"orders": near})
    again = made(declared, events, {"orders": shuffled}).loc[late.index]
    pd.testing.assert_frame_equal(found, again, check_exact=True)


def test_sums_are_exact_where_a_running_sum_has_lost_all_digits() -> None:
    orders = pd.DataFrame(
        {
            "at": START + pd.to_timedelta([0, 1, 2, 3], "D"),
            "amount": [1e17, 0.1, 0.2, -0.3],
        }
    )
    events = pd.DataFrame({"id": [1, 2], "at": START + pd.to_timedelta([4, 3], "D")})
    windows = {"source": "orders", "over": "3 days", "make": {"s": {"how": "sum", "of": "amount"}}}
    found = made(spec(windows=[windows]), events, {"orders": orders})
    assert found["s"].tolist() == [fsum([0.1, 0.2, -0.3]), fsum([1e17, 0.1, 0.2])]


def test_no_age_at_all_is_the_moment_itself() -> None:
    events = pd.DataFrame({"id": [1, 2], "at": [START, START + pd.Timedelta("1us")]})
    orders = pd.DataFrame({"at": [START], "amount": [5.0]})
    joined = {"source": "orders", "make": {"last": "amount"}, "max_age": "0 days"}
    found = made(spec(joined=[joined]), events, {"orders": orders})["last"]
    assert found[0] == 5.0 and np.isnan(found[1])


def test_events_keep_their_order_and_index_whatever_that_is() -> None:
    events, orders = drawn(2)
    windows = {"source": "orders", "by": {"person": "who"}, "over": "9 days"}
    windows["make"] = {"n": {"how": "sum", "of": "amount"}}
    joined = {"source": "orders", "by": {"person": "who"}, "make": {"last": "amount"}}
    declared = spec(windows=[windows], joined=[joined])
    found = made(declared, events, {"orders": orders})
    for index in (pd.Index([3] * len(events)), pd.MultiIndex.from_frame(events[["person", "id"]])):
        other = made(declared, events.set_axis(index), {"orders": orders})
        assert other.index.equals(index)
        np.testing.assert_array_equal(other.to_numpy(), found.to_numpy())


def test_a_register_is_joined_by_its_key_whatever_the_time() -> None:
    events = pd.DataFrame({"id": [1, 2, 3], "at": START, "who": ["a", "b", None]})
    people = pd.DataFrame({"who": ["a", None, "a"], "born": [1970, 1980, 1990]})
    joined = {"source": "people", "by": "who", "make": {"born": "born"}}
    found = made(spec(joined=[joined]), events, {"people": people})
    assert found["born"].tolist()[0] == 1990
    assert found["born"].isna().tolist() == [False, True, True]


def test_a_source_of_which_nothing_ever_landed_has_neither_rows_nor_columns() -> None:
    events, _ = drawn(1)
    windows = {"source": "orders", "by": {"person": "who"}, "over": "1 day", "make": FIGURES}
    joined = {"source": "orders", "by": {"person": "who"}, "make": {"last": "amount"}}
    declared = spec(windows=[windows], joined=[joined])
    found = made(declared, events, {"orders": pd.DataFrame()})
    assert (found.loc[events["person"].notna(), ["rows_1d", "sum_1d", "shops_1d"]] == 0).all(
        axis=None
    )
    assert found[["last", "mean_1d", "share_1d"]].isna().all(axis=None)


def test_lists_are_told_apart_and_counted() -> None:
    events = pd.DataFrame({"id": [1], "at": [START]})
    orders = pd.DataFrame({"at": START - pd.Timedelta("1h"), "shop": [["a"], ["b"], ["a"], None]})
    windows = {
        "source": "orders",
        "over": "1 day",
        "make": {"n": {"how": "distinct", "of": "shop"}},
    }
    assert made(spec(windows=[windows]), events, {"orders": orders})["n"].tolist() == [2]


@pytest.mark.parametrize("empty", ["events", "orders", "both"])
def test_nothing_is_made_of_nothing(empty: str) -> None:
    events, orders = drawn(1)
    events = events.iloc[:0] if empty != "orders" else events
    orders = orders.iloc[:0] if empty != "events" else orders
    windows = {"source": "orders", "by": {"person": "who"}, "over": "1 day", "make": FIGURES}
    joined = {"source": "orders", "by": {"person": "who"}, "make": {"last": "amount"}}
    found = made(spec(windows=[windows], joined=[joined]), events, {"orders": orders})
    assert len(found) == len(events)
    there = events["person"].notna()
    assert (found.loc[there, "sum_1d"] == 0).all()
    assert found[["last", "mean_1d", "drawn_1d"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"by": "whom"}, "the frame that build returned has no column of that name (did you mean"),
        ({"by": {"who": "hwo"}}, "the source 'orders' has no column of that name (did you mean"),
        ({"make": {"n": {"how": "sum", "of": "amuont"}}}, "(did you mean 'amount'?)"),
        ({"make": {"n": {"how": "sum", "of": "shop"}}}, "source 'orders': the column 'shop' holds"),
        ({"make": {"who": {"how": "count"}}}, "returned the column 'who'"),
    ],
)
def test_what_is_not_there_is_told_with_its_place(change: dict[str, Any], says: str) -> None:
    events = pd.DataFrame({"id": [1], "at": [START], "who": [1.0]})
    orders = pd.DataFrame({"at": [START], "who": [1.0], "amount": [1.0], "shop": ["a"]})
    windows = {"source": "orders", "by": "who", "over": "1 day", "make": {"n": {"how": "count"}}}
    with pytest.raises(BuildError) as error:
        made(spec(windows=[{**windows, **change}]), events, {"orders": orders})
    assert says in str(error.value)


LARGE = 2**53


@pytest.mark.parametrize(
    ("of_events", "of_rows"),
    [
        ("int64", "uint64"),
        ("uint64", "int64"),
        ("Int64", "UInt64"),
        ("int64", "Int64"),
        ("Int64", "uint64"),
    ],
)
def test_keys_that_are_large_numbers_are_not_rounded_into_each_other(
    of_events: str, of_rows: str
) -> None:
    events = pd.DataFrame({"id": pd.Series([LARGE, LARGE + 1, LARGE + 2], dtype=of_events)})
    rows = pd.DataFrame({"key": pd.Series([LARGE + 1, LARGE + 3, LARGE, 5], dtype=of_rows)})
    of_event, of_row = groups_of(events, rows, {"id": "key"})
    assert len(set(of_event)) == 3
    assert of_row.tolist() == [of_event[1], NOBODY, of_event[0], NOBODY]


def test_large_whole_keys_meet_floats_that_are_the_same_number() -> None:
    events = pd.DataFrame({"id": np.array([LARGE, LARGE + 1], dtype=np.int64)})
    rows = pd.DataFrame({"key": [float(LARGE), np.nan]})
    of_event, of_row = groups_of(events, rows, {"id": "key"})
    assert of_event[0] != of_event[1]
    assert of_row.tolist() == [of_event[0], NOBODY]
