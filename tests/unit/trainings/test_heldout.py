from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlfactory.trainings.heldout import levels


def test_a_number_that_most_rows_have_is_a_slice_of_its_own_beside_quarters_of_the_rest():
    amounts = np.random.default_rng(0).exponential(10, 100)
    found = levels(pd.Series(np.append(np.zeros(400), amounts)))
    assert (found[:400] == "0.0").all()
    rest = found[400:].value_counts()
    assert len(rest) == 4 and (rest == 25).all()


def test_two_such_numbers_are_two_slices():
    found = levels(pd.Series([0] * 500 + [7] * 300 + list(range(8, 108))))
    assert found.value_counts().loc[["0", "7"]].to_list() == [500, 300]
    assert found.nunique() == 6


@pytest.mark.parametrize("kind", ["int64", "float64", "Int64", "Float64"])
def test_many_numbers_are_quarters_and_a_missing_one_is_named(kind):
    values = pd.Series(range(100), index=[0] * 100, dtype=kind)
    assert levels(values).value_counts().to_list() == [25] * 4
    values = pd.Series([*range(60), *[0] * 140, *[None] * 4], dtype="Int64")
    found = levels(values)
    assert found[-4:].to_list() == ["missing"] * 4 and found.nunique() == 6


def test_few_numbers_and_words_are_slices_as_they_are():
    assert levels(pd.Series([1, 2, 2])).to_list() == ["1", "2", "2"]
    assert levels(pd.Series(["a", None])).to_list() == ["a", "missing"]
