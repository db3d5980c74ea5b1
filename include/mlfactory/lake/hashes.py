"""A hash of what names a row: the same on every machine, whatever batch the row comes in.

Python's own differs from process to process, and pandas has to make an object of each value. This
one is made of the values as Arrow holds them. 1, 1.0 and true are one value, whatever the width of
their type; a moment or a date is one value in any unit; a missing value and a float that is no
number are one. Not so a time of day, a duration or a decimal: in other units, or with more places,
it is another value.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Hashes = npt.NDArray[np.uint64]

_MISSING = np.uint64(0x6A09E667F3BCC909)
_TEXT = np.uint64(0xBB67AE8584CAA73B)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_WORD = 8
_WHOLE = 2.0**63
"""Whole floats below this are hashed as the integers they are."""


def row_hashes(rows: pa.Table, columns: Sequence[str], salt: int = 0) -> Hashes:
    """Return (rows,) a hash of the values of some columns, of all 64 bits alike.

    Args:
        rows: a table that has them.
        columns: their names; another order is another hash.
        salt: 64 bits; that a row's hash is low with one says nothing of its hash with another.
    """
    found = np.full(rows.num_rows, salt, dtype=np.uint64)
    for name in columns:
        chunks = [_of_values(chunk) for chunk in rows.column(name).chunks]
        values = np.concatenate(chunks) if chunks else found
        found = _mixed(found * _FIRST + _STEP + values)
    return found


def _of_values(values: pa.Array) -> Hashes:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _of_values(values.dictionary_decode())
    if pa.types.is_timestamp(kind):
        # to the microsecond, as tables hold them
        values = values.cast(pa.timestamp("us", kind.tz), safe=False).view(pa.int64())
    elif pa.types.is_date(kind):
        values = values.cast(pa.timestamp("us")).view(pa.int64())
    elif pa.types.is_time(kind) or pa.types.is_duration(kind):
        values = values.view(pa.int64() if kind.bit_width == 64 else pa.int32())
    elif pa.types.is_boolean(kind):
        values = values.cast(pa.uint8())
    if pa.types.is_floating(values.type):
        return _of_floats(values)
    if pa.types.is_integer(values.type):
        whole = values.fill_null(0).to_numpy(zero_copy_only=False)
        return _filled(_mixed(_bits(whole)), values)
    return _filled(_of_texts(values), values)


def _of_floats(values: pa.Array) -> Hashes:
    numbers = values.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    whole = (numbers == np.trunc(numbers)) & (np.abs(numbers) < _WHOLE)
    bits = numbers.view(np.uint64)
    bits = np.where(whole, _bits(np.where(whole, numbers, 0).astype(np.int64)), bits)
    return np.where(np.isnan(numbers), _MISSING, _mixed(bits))


def _bits(whole: npt.NDArray[np.integer]) -> Hashes:
    """Return whole numbers as 64 bits; signed ones as the two's complement."""
    signed = np.issubdtype(whole.dtype, np.signedinteger)
    return whole.astype(np.int64).view(np.uint64) if signed else whole.astype(np.uint64)


def _of_texts(values: pa.Array) -> Hashes:
    """Return the hash of each text, made of its bytes eight at a time."""
    if not (pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type)):
        binary = pa.types.is_binary(values.type) or pa.types.is_fixed_size_binary(values.type)
        values = values.cast(pa.large_binary() if binary else pa.large_string())
    _, offsets, content = values.buffers()
    if offsets is None or not len(values):
        return np.zeros(len(values), dtype=np.uint64)
    ends = np.frombuffer(offsets, dtype=np.int64)[values.offset : values.offset + len(values) + 1]
    base, places = ends[0], ends[:-1] - ends[0]
    left = np.diff(ends)
    taken = np.zeros(int(ends[-1] - base) + _WORD, dtype=np.uint8)
    if content is not None:
        taken[:-_WORD] = np.frombuffer(content, dtype=np.uint8)[base : ends[-1]]
    # the eight bytes that begin at each place, which need not be a multiple of eight
    words = np.ndarray((len(taken) - _WORD + 1,), "<u8", taken, strides=(1,))
    found = _mixed(left.astype(np.uint64) + _TEXT)
    rows = np.flatnonzero(left > 0)
    while len(rows):
        bytes_left = left[rows]
        spare = np.uint64(8) * (_WORD - np.minimum(bytes_left, _WORD)).astype(np.uint64)
        # what follows a text in the buffer is another one's
        word = (words[places[rows]] << spare) >> spare
        found[rows] = _mixed(found[rows] * _FIRST + word)
        left[rows] -= _WORD
        places[rows] += _WORD
        rows = rows[bytes_left > _WORD]
    return found


def _filled(found: Hashes, values: pa.Array) -> Hashes:
    if not values.null_count:
        return found
    return np.where(pc.is_null(values).to_numpy(zero_copy_only=False), _MISSING, found)


def _mixed(values: Hashes) -> Hashes:
    """Return 64 bits spread over all of them: the end of SplitMix64 (Steele et al., 2014)."""
    found = values + _STEP
    found ^= found >> np.uint64(30)
    found *= _FIRST
    found ^= found >> np.uint64(27)
    found *= _SECOND
    found ^= found >> np.uint64(31)
    return found
