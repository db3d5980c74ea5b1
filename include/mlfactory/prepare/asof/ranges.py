"""The largest of many overlapping spans of a column, and how many different values each has."""

from __future__ import annotations

import numpy as np

from mlfactory.prepare.asof.grouped import Ints, Span
from mlfactory.prepare.asof.sums import Floats


def span_largest(values: Floats, span: Span) -> Floats:
    """Return (events,) the largest value of each span, nan where it is empty.

    Any span is two of a power of two that overlap: the largest of all of these are made of those
    half as long, a length at a time.
    """
    found = np.full(len(span.first), np.nan)
    lengths = span.end - span.first
    # frexp is exact where log2 is rounded
    powers = np.where(lengths > 0, np.frexp(lengths)[1] - 1, -1)
    largest, length = values, 1
    for power in range(int(powers.max(initial=-1)) + 1):
        chosen = np.flatnonzero(powers == power)
        found[chosen] = np.maximum(largest[span.first[chosen]], largest[span.end[chosen] - length])
        largest = np.maximum(largest[:-length], largest[length:])
        length *= 2
    return found


def span_distinct(codes: Ints, span: Span) -> Ints:
    """Return (events,) how many different values each span has.

    These are its rows whose value was last seen before the span.

    Args:
        codes: (rows,) a number for each value, from 0.
    """
    order = np.argsort(codes, kind="stable")
    last = np.zeros(len(codes), np.int64)
    same = codes[order[1:]] == codes[order[:-1]]
    # places are counted from 1: 0 is never
    last[order[1:]] = np.where(same, order[:-1] + 1, 0)
    return _count_below(last, span, span.first + 1)


def _count_below(values: Ints, span: Span, bounds: Ints) -> Ints:
    """Return (events,) how many values of each span are below its bound.

    Values are parted by their bits, the highest first, zeros before ones (a wavelet matrix): at
    each bit a span goes on among those that have the bit of its bound, and where that is one, those
    with zero are below it.
    """
    first, end = span
    found = np.zeros(len(first), np.int64)
    for bit in reversed(range(int(max(values.max(initial=0), bounds.max(initial=0))).bit_length())):
        zeros = (values >> bit) & 1 == 0
        before = np.concatenate(([0], np.cumsum(zeros, dtype=np.int64)))
        one = (bounds >> bit) & 1 == 1
        low, high = before[first], before[end]
        found += np.where(one, high - low, 0)
        first = np.where(one, before[-1] + first - low, low)
        end = np.where(one, before[-1] + end - high, high)
        values = np.concatenate((values[zeros], values[~zeros]))
    return found
