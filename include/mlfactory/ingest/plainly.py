"""Text that is written so plainly that Arrow reads it as the strict rules of `cells` would.

Most columns are: whole numbers without signs, decimals, times in ISO 8601. Arrow casts them several
times faster than patterns look at them. Where a single cell may be read in another way by the rules
(`0x1F`, `inf`, ` 17 `), nothing is said here, and the rules are asked.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.kinds import is_text
from mlfactory.ingest.times import UTC_TIME


def plain_values(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    """Return the values of text, all of whose cells are plainly of a type; None if one may not be.

    Args:
        kind: 64-bit integers, 64-bit floats, or times in UTC; None is returned of others.
    """
    if kind not in (pa.int64(), pa.float64(), UTC_TIME) or not is_text(column.type):
        return None
    try:
        values = pc.cast(column, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    if kind == pa.int64() and _have_letters(column):
        return None
    # `inf` and `nan` are words, and no numbers
    if kind == pa.float64() and pc.all(pc.is_finite(values)).as_py() is False:
        return None
    return values


def have_leading_zeros(column: pa.ChunkedArray) -> bool:
    """Tell whether a plain whole number of a column of text has zeros that a number would lose."""
    zero = pc.and_(pc.starts_with(column, "0"), pc.greater(pc.binary_length(column), 1))
    return _any(zero) or _any(pc.starts_with(column, "-0"))


def have_fractions(values: pa.ChunkedArray) -> bool:
    """Tell whether a float has a part behind the point, however little of it a float holds."""
    return _any(pc.not_equal(values, pc.floor(values)))


def _have_letters(column: pa.ChunkedArray) -> bool:
    """Tell whether a whole number may be hexadecimal, which Arrow reads."""
    return any(_any(pc.match_substring(column, letter)) for letter in "xX")


def _any(mask: pa.ChunkedArray) -> bool:
    return bool(pc.any(mask).as_py())
