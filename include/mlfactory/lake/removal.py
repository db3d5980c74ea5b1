"""Taking away what the lake keeps of a product, so that it can start over.

Nothing that vouches for something outlives it: manifests go first, and of a table the newest
version first, so that a reader finds an older state or none, whenever the removal is cut off.
Removing again what was removed in part removes the rest, and until then a note that goes last (see
`removal_note`) keeps every stage from building on what is left.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlfactory.lake.catalog import (
    AT_WORK,
    ERASED,
    LEDGER,
    MANIFESTS,
    PROFILED,
    PROFILES,
    REMOVAL,
    arrivals_file,
    clean,
    corrected,
    guards_folder,
    key_hashes_folder,
    raw,
    received_folder,
)
from mlfactory.lake.removal_note import begin_removal
from mlfactory.lake.store import Store, product_store

_FIRST = (MANIFESTS, LEDGER)
_NOTES = (AT_WORK, REMOVAL, ERASED)
"""What is kept of work on a product and of who may not be in it, and not of the product."""
_LOG = "_delta_log"


def held(product: str) -> dict[str, int]:
    """Return how many files there are of each table and folder of a product, by its name."""
    found: dict[str, int] = {}
    for name in product_store(product).list():
        top = name.partition("/")[0]
        if top not in _NOTES:
            found[top] = found.get(top, 0) + 1
    return found


def is_table(product: str, name: str) -> bool:
    """Tell whether `name` is a table of the product, not a folder of files."""
    return bool(product_store(product).list(f"{name}/{_LOG}"))


def end_removal(product: str) -> None:
    """Note that all is gone that was to go.

    Who was erased stays noted: what lands anew would bring them back.
    """
    store = product_store(product)
    if not store.list(ERASED):
        store.delete_all()
        return
    names = [name for name in store.list() if not name.startswith(f"{ERASED}/")]
    # the note that a removal is under way goes last
    for name in sorted(names, key=lambda name: name == REMOVAL):
        store.delete(name)


def remove_everything(product: str) -> Iterator[str]:
    """Remove all that the lake keeps of a product, and yield the name of each part when gone."""
    store = product_store(product)
    # first: work that ends from now on finds that it was removed beneath it
    _remove(store, AT_WORK)
    names = held(product)
    for name in sorted(names, key=lambda name: (name not in _FIRST, name)):
        _remove(store, name)
        yield name


def remove_source(product: str, source: str, *, force: bool = False) -> None:
    """Remove what landed of a source, with the manifests that vouch for the landings.

    Whatever was made of it is stale from then on. Done again, it goes on where it was cut off.

    Args:
        force: also while work on the product is under way, which is refused at its end.

    Raises:
        UsageError: see `begin_removal`.
    """
    begin_removal(product, source=source, force=force)
    store = product_store(product)
    _remove(store, AT_WORK)
    _remove(store, f"{MANIFESTS}/ingest")
    _remove(store, raw(source))
    _remove(store, received_folder(source))
    _remove(store, guards_folder(source))
    store.delete(arrivals_file(source))
    _remove(store, key_hashes_folder(source))
    # they have the types of the rows that landed; validation writes them anew
    _remove(store, corrected(source))
    _remove(store, clean(source))
    # they show values of the rows that landed, which may be why these are to go
    _remove(store, f"{PROFILED}/{raw(source)}")
    _remove(store, f"{PROFILED}/{clean(source)}")
    _remove(store, PROFILES)
    store.delete(REMOVAL)


def _remove(store: Store, name: str) -> None:
    """Remove a table, a folder, or a file that lies in none."""
    if store.find(name) is not None:
        store.delete(name)
        return
    # a checkpoint's name sorts behind its version's, and the pointer to it before everything
    log = store.list(f"{name}/{_LOG}")
    pointers = [file for file in log if file.endswith("_last_checkpoint")]
    for file in [*pointers, *sorted(set(log) - set(pointers), reverse=True)]:
        store.delete(file)
    store.delete_all(name)
