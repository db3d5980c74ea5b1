"""The profile page of a partition, left when its data is there; that it fails stops nothing."""

from __future__ import annotations

import logging

from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)


def leave_profile(product: Product, partition: Partition) -> None:
    """Write the profile page of a partition; where that fails, the log says why."""
    from mlfactory.profiles.page import write_page

    try:
        write_page(product, partition)
    except Exception as error:
        # rows may hold what nobody foresaw, and a page is no reason to stop them
        _log.warning(
            "%s %s: its profile page could not be written: %s",
            product.name,
            partition,
            error,
            exc_info=True,
        )
