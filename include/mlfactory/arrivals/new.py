"""What of a look nobody has looked into yet; it loads nothing that reads files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from mlfactory.arrivals.known import Known, begin, read_known
from mlfactory.arrivals.looking import QUIET, Lying
from mlfactory.product.loader import Product


def begin_watch(product: Product, name: str, there: Iterable[Lying]) -> None:
    """Note what lay there when the watch began, if nobody has: what comes then has come."""
    if read_known(product.name, name).is_first:
        begin(product.name, name, [each.address for each in there])


def new_of(
    product: Product, name: str, there: Iterable[Lying], now: datetime, quiet: float = QUIET
) -> list[Lying]:
    """Return the files of a look that nobody has looked into yet, and that are whole."""
    known = read_known(product.name, name)
    return [each for each in there if is_new(known, each) and each.is_whole(now, quiet)]


def is_new(known: Known, each: Lying) -> bool:
    """Tell whether a file came, or changed, since it was looked into.

    One that could not be read is new again when the spec has it read in another way.
    """
    file = known.files.get(each.address)
    if file is None or file.seen_as != each.seen_as:
        return True
    return bool(file.problem) and file.read_as != each.read_as
