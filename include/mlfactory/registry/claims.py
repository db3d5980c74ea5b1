"""What exists once for all machines, though MLflow has neither unique names nor compare-and-set.

A small file of the lake, created only if it is absent, says which of several that were made at
once is the one.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from mlfactory.lake.catalog import claim_file
from mlfactory.lake.store import product_store


def agreed(
    product: str,
    what: str,
    name: str,
    *,
    exists: Callable[[str], bool],
    look: Callable[[], str | None],
    make: Callable[[], str],
    drop: Callable[[str], None],
) -> str:
    """Return the id of the one thing that `what` and `name` stand for, made if there is none yet.

    Args:
        exists: tells whether a thing that was claimed is still there; one that MLflow has lost
            makes way for another.
        look: finds a thing that was made and not claimed, by a process that was killed between.
        make: makes one.
        drop: removes one that was made in vain.
    """
    store = product_store(product)
    for generation in count(1):
        file = claim_file(what, name if generation == 1 else f"{name}.{generation}")
        held = store.find(file)
        if held is None:
            made = look() or make()
            if store.create(file, made.encode()):
                return made
            held = store.read(file)
            if held.decode() != made:
                drop(made)
        if exists(held.decode()):
            return held.decode()
    raise AssertionError("there is always another generation")
