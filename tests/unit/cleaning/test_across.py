"""Steps that ask other rows say of batches what they say of one frame, and what pandas says."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.unit.cleaning.conftest import Clean

from mlfactory.lake import spool

BY_KEY = {"do": "duplicates", "columns": ["station", "hour"]}
KNOWN = {"do": "fill", "columns": ["temp", "sky"], "last_of": "station", "by": "at"}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "CHUNK", 7)


def weather(seed: int, count: int = 120) -> pa.Table:
    random = np.random.default_rng(seed)

    def some(values: list[Any]) -> list[Any]:
        return [values[place] for place in random.integers(0, len(values), count)]

    return pa.table(
        {
            "station": pa.array(some([" jfk", "JFK", "lga", "", None])),
            "hour": pa.array(some([1, 2, 3, 2**60, 2**60 + 1, None]), pa.int64()),
            "at": pa.array(some([*range(9), 2**60, 2**60 + 1, None]), pa.int64()),
            "temp": pa.array(some([1.5, 40.0, -3.0, None, None])),
            "sky": pa.array(some(["blue", "grey", None])),
            "wind": pa.array(some(["1.234,5", "7", "0,5", "calm", "NA", None])),
        }
    )


ALL = [
    {"do": "trim", "columns": "station"},
    {"do": "case", "columns": "station", "to": "upper"},
    {"do": "number", "columns": "wind", "decimal": ",", "thousands": "."},
    {"do": "outliers", "columns": "temp", "at_most": 30, "then": None},
    KNOWN,
    {**BY_KEY, "keep": "last", "by": "at"},
    {"do": "outliers", "columns": "wind", "at_most": 1000, "then": "quarantine"},
    {"do": "fill", "columns": "sky", "value": "unknown"},
]


@pytest.mark.parametrize(("seed", "size"), [(0, 7), (1, 17), (2, 25), (3, 60), (4, 119)])
def test_rows_are_cleaned_the_same_however_they_lie_in_batches(
    clean: Clean, seed: int, size: int
) -> None:
    rows = weather(seed)
    whole = clean(rows, *ALL)
    parts = clean(rows, *ALL, size=size)
    assert parts.rows.combine_chunks().equals(whole.rows.combine_chunks())
    assert parts.cleaning.facts() == whole.cleaning.facts()
    # not for want of anything to do
    assert all(len(each) > 2 for each in whole.told), whole.told


@pytest.mark.parametrize("keep", ["first", "last"])
@pytest.mark.parametrize("seed", range(4))
def test_of_a_key_one_row_stays_as_pandas_has_it(clean: Clean, seed: int, keep: Any) -> None:
    rows = weather(seed)
    frame = rows.select(["station"]).to_pandas()
    frame["hour"] = rows.column("hour").to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    dropped = frame.duplicated(keep=keep) & frame.notna().all(axis="columns")
    found = clean(rows, {**BY_KEY, "keep": keep}, size=11)
    assert found["_landed_row"] == np.flatnonzero(~dropped).tolist()
    assert found["_row"] == list(range(len(found["_landed_row"])))
    assert found.told[0]["dropped"] == dropped.sum() > 0


@pytest.mark.parametrize("seed", range(4))
def test_the_row_with_the_largest_value_stays_and_the_later_one_of_two(
    clean: Clean, seed: int
) -> None:
    rows = weather(seed)
    best: dict[Any, tuple[int, int]] = {}
    kept = []
    for place, row in enumerate(rows.to_pylist()):
        key = (row["station"], row["hour"])
        rank = (-1 if row["at"] is None else row["at"], place)
        if None in key:
            kept.append(place)
        elif key not in best or rank > best[key]:
            best[key] = rank
    kept += [place for _, place in best.values()]
    found = clean(rows, {**BY_KEY, "keep": "last", "by": "at"}, size=13)
    assert found["_landed_row"] == sorted(kept)


def test_two_rows_of_a_key_stop_the_partition_where_that_is_said(clean: Clean) -> None:
    rows = pa.table({"id": [1, 2, 1, 3, 2, 1]})
    step = {"do": "duplicates", "keep": "stop"}
    found = clean(rows, step, key=["id"], size=2)
    assert found["id"] == [1, 2, 1, 3, 2, 1]  # all are there to be looked at
    [why] = found.cleaning.stopped
    assert why.startswith("step 1 of clean (duplicates): 3 rows have the key (id) of another row")
    assert ": id=1; id=2; mend the source" in why
    assert found.told[0]["stopped"] in why
    alone = clean(pa.table({"id": [1, 2]}), step, key=["id"])
    assert (alone["id"], alone.cleaning.stopped) == ([1, 2], ())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("by", ["at", None])
def test_a_gap_gets_the_last_known_value_of_its_key_and_never_a_later_one(
    clean: Clean, seed: int, by: str | None
) -> None:
    rows = weather(seed)
    given = list(enumerate(rows.to_pylist()))
    known: dict[Any, float] = {}
    expected = [row["temp"] for _, row in given]
    if by:
        given = sorted((one for one in given if one[1][by] is not None), key=lambda o: o[1][by])
    for place, row in given:
        if row["station"] is None:
            continue
        if row["temp"] is None:
            expected[place] = known.get(row["station"])
        else:
            known[row["station"]] = row["temp"]
    step = {"do": "fill", "columns": "temp", "last_of": "station", **({"by": by} if by else {})}
    found = clean(rows, step, size=9)
    assert found["temp"] == expected
    filled = sum(a != b for a, b in zip(expected, rows.column("temp").to_pylist(), strict=True))
    assert found.told[0]["changed"] == {"temp": filled}


@pytest.mark.parametrize("size", [2, 0])
def test_no_row_hears_of_those_that_are_left_out(clean: Clean, size: int) -> None:
    rows = pa.table({"id": [1, 1, 2, 1, 2], "x": [5.0, 6.0, 7.0, None, None]})
    step = {"do": "duplicates", "columns": "id", "keep": "first"}
    found = clean(rows, step, size=size, left_out=[0, 3])
    assert found["_landed_row"] == [0, 1, 2, 3]
    assert clean(rows, {**step, "keep": "stop"}, left_out=[0, 3, 4]).cleaning.stopped == ()
    known = {"do": "fill", "columns": "x", "last_of": "id"}
    assert clean(rows, known, size=size, left_out=[1])["x"] == [5.0, 6.0, 7.0, 5.0, 7.0]


def test_no_rows_are_cleaned_to_no_rows(clean: Clean) -> None:
    found = clean(weather(1).slice(0, 0), *ALL)
    assert (found.rows.num_rows, found.cleaning.facts()["landed"]) == (0, 0)


def test_steps_in_another_order_tell_other_things(clean: Clean) -> None:
    rows = weather(2)
    orders = itertools.permutations([ALL[0], ALL[1], {**BY_KEY, "keep": "first"}])
    counts = {clean(rows, *steps).rows.num_rows for steps in orders}
    assert len(counts) > 1
