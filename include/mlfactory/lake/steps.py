"""By which steps of `clean` the rows of a partition were cleaned, as its validation notes it.

Rows that were cleaned in two ways are no rows of one source: a validation by other steps than the
spec has now no longer counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlfactory.product.loader import Product

_READS = "clean/"


def steps_read(product: Product) -> dict[str, str]:
    """Return what a validation notes among what it read, of each source that is cleaned."""
    sources = product.spec.sources.items()
    return {_READS + name: source.cleaned_as for name, source in sources if source.clean}


def is_of_steps(read: str) -> bool:
    """Tell whether something that was read is the steps of a source."""
    return read.startswith(_READS)


def has_other_steps(validation: Mapping[str, Any], product: Product) -> bool:
    """Tell of a validation, by its manifest or summary, whether its rows were cleaned otherwise.

    A source that was added since had no rows then.
    """
    reads, counts = validation.get("reads", {}), validation.get("counts", {})
    return any(
        reads.get(_READS + name, "") != source.cleaned_as
        for name, source in product.spec.sources.items()
        if f"rows.{name}" in counts
    )
