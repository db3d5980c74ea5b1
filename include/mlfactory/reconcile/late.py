"""What came for a partition after it had landed, or was corrected since."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime

from mlfactory.arrivals.looking import tellable
from mlfactory.lake.staleness import STAGES
from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import Product
from mlfactory.reconcile.chain import PATIENCE, keys_done
from mlfactory.reconcile.gaps import DATA, LATE, Gap

_log = logging.getLogger(__name__)

_SECONDS = 30.0
"""For which the files of a product are looked into at a time; the rest is left for the next look.
One task looks at all products, and ends after 20 minutes."""

_LARGEST = 4 << 30
"""Bytes above which no file is read for that: it would take minutes, and a watch takes its time."""


def look_for_late(product: Product, now: datetime) -> None:
    """Look into what has come into the places of a product's files, watched or not, and note it.

    Of a product that never landed nothing can be late. A place that cannot be looked at is told of
    in the log: a landing from it fails as well, and says why.
    """
    from mlfactory.arrivals.taking import take  # it loads what reads files

    sources = tellable(product)
    if not sources or not keys_done(product, STAGES[0]):
        return
    until = time.monotonic() + _SECONDS
    for name in sources:
        left = max(until - time.monotonic(), 1.0)
        try:
            taken = take(product, name, now, seconds=left, largest=_LARGEST)
        except FactoryError as error:
            _log.warning("%s", error)
            continue
        for problem in taken.problems:
            _log.warning("%s", problem)


def late(product: Product, now: datetime) -> Iterator[Gap]:
    """Give the partitions that lack what was noted, the oldest first; no file is looked at.

    Of what never landed only those that came into a watched place: somebody wants them run.
    """
    from mlfactory.arrivals.taking import is_due, noted

    words = dict[str, list[str]]()
    for name, source in tellable(product).items():
        for lack in noted(product, name).lacks:
            if lack.landed or (source.watch and is_due(product, lack, now - PATIENCE)):
                words.setdefault(lack.key, []).append(lack.in_words)
    for key in sorted(words):
        yield Gap(LATE, key, DATA, "; ".join(words[key]))
