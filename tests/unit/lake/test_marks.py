from __future__ import annotations

import numpy as np
import pytest

from mlfactory.lake.marks import Marks


@pytest.mark.parametrize("seed", range(5))
def test_marks_hold_what_a_set_holds(seed: int) -> None:
    random = np.random.default_rng(seed)
    some, more = (random.integers(0, 200, count) for count in (30, 5))
    marks, known = Marks(some.tolist()), {*some.tolist(), *more.tolist()}
    marks.add(more)
    assert list(marks) == sorted(known)
    assert len(marks) == len(known)
    assert [place in marks for place in range(300)] == [place in known for place in range(300)]
    assert marks.within(13, 99).tolist() == [place for place in sorted(known) if 13 <= place < 99]
    asked = random.permutation(300)
    assert marks.of(asked).tolist() == [place in known for place in asked.tolist()]


def test_marks_of_two_are_joined_and_stay_what_they_were() -> None:
    short, long = Marks([1, 3]), Marks([3, 4000])
    assert list(short | long) == list(long | short) == [1, 3, 4000]
    assert (list(short), list(long)) == ([1, 3], [3, 4000])


def test_no_marks_are_none() -> None:
    assert not Marks()
    assert list(Marks().within(5, 9)) == []
    assert Marks().of(np.array([0, 7])).tolist() == [False, False]
    assert "text" not in Marks([1])


def test_a_hundred_million_rows_take_an_eighth_of_a_byte_each() -> None:
    marks = Marks()
    marks.add(np.array([100_000_000]))
    assert marks._bits.nbytes < 13_000_000
    assert list(marks) == [100_000_000]
