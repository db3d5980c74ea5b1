"""Profiles and pages that show values of partitions: removed, and made again of what is left."""

from __future__ import annotations

import logging

from mlfactory.lake.catalog import FEATURES, PROFILES, profile_page
from mlfactory.lake.rows import table_of
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product
from mlfactory.profiles.kept import forget_profiles, profiled_keys
from mlfactory.profiles.page import MOST_BEFORE, write_page

_log = logging.getLogger(__name__)


def forget_shown(product: Product, keys: list[str]) -> list[str]:
    """Remove the profiles of partitions, and all pages that show something of these.

    Returns:
        The partitions whose pages were there, which `show_again` makes anew.
    """
    store = product_store(product.name)
    there = {*store.list(PROFILES)}
    pages = [key for key in sorted(_showing(product, keys)) if profile_page(key) in there]
    for key in pages:
        store.delete(profile_page(key))
    forget_profiles(product, keys)
    return pages


def show_again(product: Product, keys: list[str]) -> None:
    """Write pages of partitions anew, of the profiles that stages have left meanwhile."""
    for key in keys:
        try:
            write_page(product, product.calendar.parse(key))
        except Exception:  # of no page is an erasure to fail: it is made anew when it is wanted
            _log.warning("%s %s: no profile page could be written", product.name, key)


def _showing(product: Product, keys: list[str]) -> set[str]:
    """Return the partitions whose pages compare with some partitions, and these."""
    found = {*keys}
    for table in (FEATURES, *(table_of(product, name) for name in product.spec.sources)):
        # as if nothing had been forgotten yet
        every = sorted({*profiled_keys(product, table), *keys})
        for place, key in enumerate(every):
            if key in keys:
                found |= {*every[place + 1 : place + 1 + MOST_BEFORE]}
    return found
