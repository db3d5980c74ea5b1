"""The first training of a product's code waits for the proof that no feature looks ahead."""

from __future__ import annotations

import logging

from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)


def refuse_peeks_once(product: Product, cutoff: Partition) -> None:
    """Make sure that no feature looks ahead, unless a training of this code and spec was pinned.

    The newest partition of the training's window is looked at that has an event.

    Raises:
        LeakageError: naming every feature that does.
        BuildError: if the product's function fails.
    """
    from mlfactory.lake.rows import standings
    from mlfactory.prepare import refuse_peeks
    from mlfactory.trainings.files import trainings_of

    now = (product.code_hash, product.spec_hash)
    if any((known.code_hash, known.spec_hash) == now for known in trainings_of(product.name)):
        return
    calendar = product.calendar
    first = cutoff if calendar.is_snapshot else calendar.shift(cutoff, 1 - product.spec.window)
    window = {slot.key: slot for slot in calendar.span(first, cutoff)}
    found = standings(product, list(window))
    usable = [key for key in window if found[key].state == "accepted"]
    # one without an event says nothing
    if not any(refuse_peeks(product, window[key]) for key in reversed(usable)):
        _log.warning("%s: no partition has an event to try features with", product.name)
