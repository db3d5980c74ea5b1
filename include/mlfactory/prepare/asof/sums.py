"""Sums of many overlapping spans of a column, exact before they are rounded once.

A running sum of floats carries the rounding of all that came before a span into it: the same rows
would give another sum in a partition, in a shard and in a question, and after a value of 1e17 none
of it would be right. So numbers are cut into digits of 32 bits, whose running sums are whole
numbers; the difference of two is the span's, whatever came before.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mlfactory.prepare.asof.grouped import Ints, Span

Floats = npt.NDArray[np.float64]

_BITS = 32
_HALF, _DIGIT = 1 << (_BITS - 1), (1 << _BITS) - 1
_MANTISSA = 53


def span_sums(values: Floats, span: Span) -> Floats:
    """Return (events,) the sums of the values of each span, to the last digit but one.

    They depend on the values in the span alone: not on their order, nor on what lies around.

    Args:
        values: (rows,) finite ones.
    """
    total, carry = np.zeros(len(span.first)), np.zeros(len(span.first), np.int64)
    places, digits = _digits(values)
    if not len(places):
        return total
    # what is carried beyond the highest digit has two of its own
    for place in range(int(places.min()), int(places.max()) + len(digits) + 2):
        here = carry
        chosen = [(digit, places == place - above) for above, digit in enumerate(digits)]
        if parts := [np.where(these, digit, 0) for digit, these in chosen if these.any()]:
            running = np.concatenate(([0], np.cumsum(sum(parts[1:], start=parts[0]))))
            here = carry + running[span.end] - running[span.first]
        # digits from -2**31 to 2**31: there is one way to write a number, and the highest tells
        # its sign, so that adding them from the lowest on cancels nothing
        digit = ((here + _HALF) & _DIGIT) - _HALF
        carry = (here - digit) >> _BITS
        # too large for a number, and refused as no finite one by whoever is given it
        with np.errstate(over="ignore"):
            total += np.ldexp(digit.astype(np.float64), place * _BITS)
    return total


def span_counts(marked: npt.NDArray[np.bool_], span: Span) -> Ints:
    """Return (events,) how many rows of each span are marked."""
    running = np.concatenate(([0], np.cumsum(marked, dtype=np.int64)))
    found: Ints = running[span.end] - running[span.first]
    return found


def _digits(values: Floats) -> tuple[Ints, tuple[Ints, Ints, Ints]]:
    """Return (rows,) the place of the lowest digit of each value, and it with the two above."""
    mantissas, exponents = np.frexp(values)
    whole = np.ldexp(np.abs(mantissas), _MANTISSA).astype(np.int64)
    lowest = exponents.astype(np.int64) - _MANTISSA
    places, shift = lowest >> 5, lowest & (_BITS - 1)
    low = (whole & _DIGIT) << shift
    high = ((whole >> _BITS) << shift) + (low >> _BITS)
    sign = np.sign(values).astype(np.int64)
    return places, (sign * (low & _DIGIT), sign * (high & _DIGIT), sign * (high >> _BITS))
