"""What changed: told by how far it is from what it was, and seldom by chance."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mlfactory.statistics.summary.change import FEWEST, change_of, median_of_others
from mlfactory.statistics.summary.columns import Column, column_of


def column(values: object, **options: bool) -> Column:
    return column_of(pa.chunked_array([pa.array(values, from_pandas=True)]), 256, **options)


def numbers(rng: np.random.Generator, rows: int = 400, shift: float = 0.0) -> Column:
    return column(rng.normal(size=rows) + shift)


def words(rng: np.random.Generator, rows: int = 400, first: float = 0.25) -> Column:
    rest = (1 - first) / 3
    return column(rng.choice(["a", "b", "c", "d"], rows, p=[first, rest, rest, rest]))


@pytest.mark.parametrize("rows", [2, 3, 4, 5, 8, 9])
def test_the_median_of_others_is_theirs(rows: int) -> None:
    table = np.random.default_rng(rows).integers(0, 4, (rows, 50)).astype(float)
    found = median_of_others(table)
    for place in range(rows):
        others = np.delete(table, place, axis=0)
        assert found[place].tolist() == np.median(others, axis=0).tolist()


@pytest.mark.parametrize("make", [numbers, words])
def test_without_a_change_one_is_told_no_more_often_than_promised(make) -> None:
    rng, before, cases = np.random.default_rng(11), 9, 400
    told = sum(
        change_of([make(rng, 150) for _ in range(before + 1)])[0].state == "changed"
        for _ in range(cases)
    )
    nominal = cases / (before + 1)
    assert nominal * 0.6 < told < nominal + 3 * np.sqrt(nominal * 0.9)


@pytest.mark.parametrize("newest", [60, 200, 8_000])
@pytest.mark.parametrize("make", [numbers, words])
def test_a_partition_of_another_size_is_not_told_for_its_size(make, newest: int) -> None:
    rng, cases = np.random.default_rng(12), 150
    before = [make(rng, 2_000) for _ in range(60)]
    told = sum(
        change_of([*(before[at] for at in rng.choice(60, 9, replace=False)), make(rng, newest)])[
            0
        ].state
        == "changed"
        for _ in range(cases)
    )
    nominal = cases / 10
    assert told < nominal + 3 * np.sqrt(nominal * 0.9)


def test_a_change_is_told_of_few_rows_and_beside_an_odd_partition() -> None:
    rng = np.random.default_rng(13)
    before = [numbers(rng, 2_000) for _ in range(8)]
    assert change_of([*before, numbers(rng, 200, 1.0)])[0].state == "changed"
    # what one partition is like is not chance, and does not grow with fewer rows
    before[3] = numbers(rng, 2_000, 0.5)
    change, _ = change_of([*before, numbers(rng, 60, 2.0)])
    assert change.state == "changed"
    assert 0.2 < change.usual < 0.4


def test_a_shift_is_told_with_its_effect() -> None:
    rng = np.random.default_rng(1)
    change, shares = change_of([*(numbers(rng, 4_000) for _ in range(6)), numbers(rng, 4_000, 0.5)])
    # half a standard deviation is a distance of 0.197
    assert (change.state, change.missing) == ("changed", False)
    assert change.effect == pytest.approx(0.197, abs=0.03)
    assert change.usual < 0.05
    assert shares is not None
    assert shares.table.sum(axis=1) == pytest.approx(1.0)


def test_a_category_that_grows_is_told() -> None:
    rng = np.random.default_rng(2)
    change, _ = change_of([*(words(rng, 4_000) for _ in range(6)), words(rng, 4_000, 0.55)])
    assert change.state == "changed"
    assert change.effect == pytest.approx(0.3, abs=0.03)


def test_one_odd_partition_before_hides_nothing_but_itself() -> None:
    rng = np.random.default_rng(3)
    before = [numbers(rng, 4_000) for _ in range(8)]
    before[3] = numbers(rng, 4_000, 3.0)
    change, _ = change_of([*before, numbers(rng, 4_000)])
    assert change.state == "usual"
    assert change.effect < 0.05
    assert change.usual > 0.8


def test_what_is_missing_is_told_as_that() -> None:
    rng = np.random.default_rng(4)
    gone = np.where(np.arange(4_000) < 1_200, np.nan, rng.normal(size=4_000))
    change, _ = change_of([*(numbers(rng, 4_000) for _ in range(6)), column(gone)])
    assert (change.state, change.missing) == ("changed", True)
    assert change.effect == pytest.approx(0.3, abs=0.02)


def test_a_change_that_nobody_would_heed_is_none() -> None:
    # partitions that hardly differ would make a change of a thousandth the largest ever
    same = np.linspace(0, 1, 10_000)
    change, _ = change_of([*(column(same) for _ in range(8)), column(same + 0.01)])
    assert change.state == "usual"
    assert 0 < change.effect < 0.05


def test_states_of_what_cannot_be_compared() -> None:
    rng = np.random.default_rng(5)
    some, text = numbers(rng), words(rng)
    times = column(pa.array([0, 1], pa.timestamp("s", "UTC")))
    assert change_of([None, some])[0].state == "new"
    assert change_of([some, None])[0].state == "gone"
    assert change_of([some, text])[0].state == "retyped"
    assert change_of([some])[0].state == "few"
    assert change_of([numbers(rng) for _ in range(FEWEST)])[0].state == "few"
    assert change_of([times, times])[0].state == "silent"
    hidden = column(["x"] * 9, hidden=True)
    assert change_of([hidden, hidden])[0].state == "silent"
    empty = column(pa.nulls(5))
    assert change_of([some, some, some, some, empty])[0].state != "retyped"
