"""Files that were looked into and cannot be read: what came with them is landed without them."""

from __future__ import annotations

from collections.abc import Iterable

from mlfactory.arrivals.known import Known, read_known
from mlfactory.arrivals.looking import Lying, look, tellable
from mlfactory.product.loader import Product


def unreadable(product: Product) -> dict[str, frozenset[str]]:
    """Return, by source, the addresses of files that lie there and are known to be broken.

    Where a source has no other file there is nothing to land without them: it is left out, and
    its landing tells what is wrong.

    Raises:
        ServiceError, ContractError: see `look`.
    """
    found: dict[str, frozenset[str]] = {}
    for name in tellable(product):
        known = read_known(product.name, name)
        if not any(file.problem for file in known.files.values()):
            continue
        there = look(product, name)
        broken = still_broken(known, there)
        if broken and len(broken) < len(there):
            found[name] = broken
    return found


def still_broken(known: Known, there: Iterable[Lying]) -> frozenset[str]:
    """Return the addresses of files that could not be read, and are read in the same way since."""
    return frozenset(each.address for each in there if _is_broken(known, each))


def _is_broken(known: Known, each: Lying) -> bool:
    file = known.files.get(each.address)
    if file is None or not file.problem:
        return False
    return (file.seen_as, file.read_as) == (each.seen_as, each.read_as)
