"""Work on a product that neither begins beneath a removal or a restore, nor lets one begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from mlfactory.lake.at_work import LONGEST, at_work
from mlfactory.lake.removal_note import refuse_half_removed
from mlfactory.lake.restore_note import refuse_half_restored

SHORT = timedelta(hours=1)
"""How long work is believed that takes minutes, where its process cannot be looked for."""


@contextmanager
def working(
    product: str, what: str, *, name: str = "", believed: timedelta = LONGEST
) -> Iterator[Callable[[], None]]:
    """Note that something is being done, and make sure that it may be.

    It is noted before it is asked for a removal, which is noted before it looks for work: of two
    that begin at once at least one finds the other.

    Args:
        what, name, believed: see `at_work`.

    Yields:
        What `at_work` does.

    Raises:
        ServiceError: a removal or a restore is under way.
        UsageError: one was cut off.
    """
    with at_work(product, what, name=name, believed=believed) as go_on:
        refuse_half_removed(product)
        refuse_half_restored()
        yield go_on
