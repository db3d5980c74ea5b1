"""Kinds of sources of one's own: what a product decorates so that `kind: own` can name it.

from mlfactory.product.own import source

@source
def orders(start, end, *, url):
    for page in pages(url, start, end):
        yield pa.Table.from_pylist(page)
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_MARK = "__mlfactory_source__"


def source(reads: T) -> T:
    """Mark a function or class as a kind of source; its arguments by name are its `options`.

    A function is called as `reads(start, end, **options)` with the bounds of the partition (UTC),
    or None and None for a source without event times, and yields (or returns) its rows: tables or
    record batches of Arrow, or DataFrames, each as large as may be held at once.

    A class is made as `reads(**options)` and has a method `rows(start, end)` that does the same.
    Where it has a method `fingerprint()` too, `rows(None, None)` gives the rows of all partitions:
    they are read once, and again only when the fingerprint, a text, is another one.

    What is away for a while is told by `ConnectionError`, what has not come yet by
    `FileNotFoundError`: both are tried again.

    Raises:
        TypeError: it is a class without the method, or can be called by nobody.
    """
    if isinstance(reads, type) and not callable(getattr(reads, "rows", None)):
        raise TypeError(f"{reads.__name__} needs a method rows(self, start, end)")
    if not callable(reads):
        raise TypeError(f"@source is for functions and classes, not for {type(reads).__name__}")
    setattr(reads, _MARK, True)
    return reads


def problem_of(reads: Any, options: Mapping[str, Any]) -> str:
    """Return why `reads` cannot be a source with these options, or nothing if it can."""
    if not vars(reads).get(_MARK, False):
        return "is not decorated with @source of mlfactory.product.own"
    given = () if isinstance(reads, type) else (None, None)
    try:
        inspect.signature(reads).bind(*given, **options)
        if isinstance(reads, type):
            rows: Any = getattr(reads, "rows", None)
            inspect.signature(rows).bind(None, None, None)
    except TypeError as error:
        return f"cannot be called with its options: {error}"
    return ""
