"""Of bad rows that are too many to keep, some of each reason are kept, and always the same ones."""

from __future__ import annotations

import numpy as np

from mlfactory.lake.marks import Marks
from mlfactory.validate.sample import sampled


def marks(places: np.ndarray) -> Marks:
    found = Marks()
    found.add(places.astype(np.int64))
    return found


def test_a_sample_has_the_size_asked_for_and_some_rows_of_each_reason() -> None:
    bad = marks(np.arange(100_000))
    rare, some = marks(np.array([99_998, 99_999])), marks(np.arange(50_000, 51_000))
    found = sampled({"all": bad, "rare": rare, "some": some}, bad, 600)
    assert len(found) == 600
    assert len(found & rare) == 2
    assert len(found & some) >= 100


def test_a_sample_is_the_same_every_time_and_from_everywhere() -> None:
    bad = marks(np.arange(0, 90_000, 3))
    found = np.array(list(sampled({"one": bad}, bad, 300)))
    assert list(found) == list(sampled({"one": bad}, bad, 300))
    assert set(found % 3) == {0}
    thirds = np.bincount(found // 30_000)
    assert thirds.min() > 70


def test_fewer_rows_than_asked_for_are_all_taken() -> None:
    bad = marks(np.array([3, 70, 900]))
    assert list(sampled({"one": bad}, bad, 300)) == [3, 70, 900]
