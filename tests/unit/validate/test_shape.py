"""A batch has the types that its columns have in the frame of all rows."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from mlfactory.lake.rows import as_frame
from mlfactory.validate.shape import framed, shape_of

COLUMNS = {
    "whole": pa.array([1, 2, 3, 4, 5, 6], pa.int64()),
    "gap_at_the_end": pa.array([1, 2, 3, 4, 5, None], pa.int64()),
    "large_at_the_start": pa.array([2**60 + 1, 2, 3, 4, 5, None], pa.int64()),
    "short": pa.array([1, None, 3, 4, 5, 6], pa.int16()),
    "flag": pa.array([None, True, False, True, False, True]),
    "sure": pa.array([True, True, False, True, False, True]),
    "text": pa.array(["a", None, None, None, "e", "f"]),
    "number": pa.array([None, 1.5, 2.5, 3.5, 4.5, 5.5]),
    "nothing": pa.nulls(6),
    "_row": pa.array([0, 1, 2, 3, 4, 5]),
}


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_batches_together_are_the_frame_of_all_rows(size: int) -> None:
    rows = pa.table(COLUMNS)
    batches = [rows.slice(at, size) for at in range(0, 6, size)]
    shape = shape_of(batches)
    frames = [framed(batch, shape) for batch in batches]
    whole = as_frame(rows.drop_columns(["_row"]))
    for frame in frames:
        pd.testing.assert_series_equal(frame.dtypes, whole.dtypes)
    pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), whole)
