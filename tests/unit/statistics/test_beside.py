"""A profile that is made while the same rows are looked at for something else."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mlfactory.profiles.kept import Profiling


def test_rows_looked_at_beside_are_all_summarised_when_the_block_has_ended() -> None:
    found = Profiling("shop.sales")
    for start in (0, 10):
        with found.beside(pa.table({"x": list(range(start, start + 10))})):
            pass
    assert found.summary is not None
    assert found.summary.rows == 20
    assert found.summary.columns["x"].high == 19


def test_what_goes_wrong_in_the_block_is_raised_as_it_is() -> None:
    found = Profiling("shop.sales")
    with pytest.raises(ZeroDivisionError), found.beside(pa.table({"x": [1]})):
        raise ZeroDivisionError
