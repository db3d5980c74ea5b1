"""The first training of a product's code waits for the proof that no feature looks ahead."""

from __future__ import annotations

from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


def refuse_peeks_once(product: Product, cutoff: Partition) -> None:
    """Make sure that no feature looks ahead, unless a training of the same code was pinned before.

    The newest partition of the training's window is looked at whose rows may be used.

    Raises:
        LeakageError: naming every feature that does.
        BuildError: if the product's function fails.
    """
    from mlfactory.lake.rows import standings
    from mlfactory.prepare import refuse_peeks
    from mlfactory.trainings.files import trainings_of

    if any(known.code_hash == product.code_hash for known in trainings_of(product.name)):
        return
    calendar = product.calendar
    first = cutoff if calendar.is_snapshot else calendar.shift(cutoff, 1 - product.spec.window)
    window = {slot.key: slot for slot in calendar.span(first, cutoff)}
    found = standings(product, list(window))
    usable = [key for key in window if found[key].state == "accepted"]
    if usable:
        refuse_peeks(product, window[usable[-1]])
