from __future__ import annotations

import pyarrow as pa

from mlfactory.lake.rows import as_frame


def test_long_whole_numbers_stay_what_they_are_beside_a_gap() -> None:
    long, short = [2**60 + 1, None, 2**60 + 2], [1, None, 2]
    frame = as_frame(pa.table({"long": long, "short": short, "whole": [1, 2, 3]}))
    # as floats the first and the last would be one number
    assert frame["long"].dropna().tolist() == [2**60 + 1, 2**60 + 2]
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "long": "Int64",
        "short": "float64",
        "whole": "int64",
    }
