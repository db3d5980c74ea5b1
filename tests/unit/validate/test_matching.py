"""Values of two columns are the same where they are, whatever types the columns have."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from mlfactory.validate.own.matching import common_kind, complete, keys_in


def keys(value: Any, kind: pa.DataType, other: pa.DataType) -> list[Any]:
    common = common_kind(kind, other)
    assert common is not None
    assert common == common_kind(other, kind)
    rows = keys_in(pa.table({"it": pa.array([value], kind)}), ["key"], [common])
    return list(rows.filter(pa.array(complete(rows)))["key"].to_pylist())


@pytest.mark.parametrize(
    ("whole", "number", "same"),
    [
        (5, 5.0, True),
        (0, -0.0, True),
        (-7, -7.0, True),
        (5, 5.5, False),
        (2**53, 2.0**53, True),
        (2**53 + 1, 2.0**53, False),
        (-(2**53) - 1, -(2.0**53), False),
        (2**62, 2.0**62, True),
        (2**63 - 1, 2.0**63, False),
        (2**63 - 1, math.inf, False),
        (10**18, 1e18, True),
    ],
)
def test_a_whole_number_and_a_float_are_compared_exactly(
    whole: int, number: float, same: bool
) -> None:
    [one] = keys(whole, pa.int64(), pa.float64())
    [other] = keys(number, pa.float64(), pa.int64())
    assert (one == other) == same == (whole == number)


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_no_value_is_no_key(nothing: float | None) -> None:
    assert keys(nothing, pa.float64(), pa.int64()) == []
    assert keys(nothing, pa.float64(), pa.float64()) == []


def test_floats_among_themselves_stay_floats() -> None:
    assert common_kind(pa.float64(), pa.float32()) == pa.float64()
    assert keys(-0.0, pa.float64(), pa.float32()) == [0.0]
