"""Taking away what the lake keeps of a product, so that it can start over.

Nothing that vouches for something outlives it: manifests go first, and of a table the newest
version first, so that a reader finds an older state or none, whenever the removal is cut off.
Removing again what was removed in part removes the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlfactory.lake.catalog import LEDGER, MANIFESTS, raw
from mlfactory.lake.store import Store, product_store

_FIRST = (MANIFESTS, LEDGER)
_LOG = "_delta_log"


def held(product: str) -> dict[str, int]:
    """Return how many files there are of each table and folder of a product, by its name."""
    found: dict[str, int] = {}
    for name in product_store(product).list():
        top = name.partition("/")[0]
        found[top] = found.get(top, 0) + 1
    return found


def is_table(product: str, name: str) -> bool:
    """Tell whether `name` is a table of the product, not a folder of files."""
    return bool(product_store(product).list(f"{name}/{_LOG}"))


def remove_everything(product: str) -> Iterator[str]:
    """Remove all that the lake keeps of a product, and yield the name of each part when gone."""
    store = product_store(product)
    names = held(product)
    for name in sorted(names, key=lambda name: (name not in _FIRST, name)):
        _remove(store, name)
        yield name
    store.delete_all()


def remove_source(product: str, source: str) -> None:
    """Remove what landed of a source, with the manifests that vouch for the landings.

    Whatever was made of it is stale from then on.
    """
    store = product_store(product)
    _remove(store, f"{MANIFESTS}/ingest")
    _remove(store, raw(source))


def _remove(store: Store, name: str) -> None:
    # a checkpoint's name sorts behind its version's, and the pointer to it before everything
    log = store.list(f"{name}/{_LOG}")
    pointers = [file for file in log if file.endswith("_last_checkpoint")]
    for file in [*pointers, *sorted(set(log) - set(pointers), reverse=True)]:
        store.delete(file)
    store.delete_all(name)
