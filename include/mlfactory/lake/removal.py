"""Taking away what the lake keeps of a product, so that it can start over.

Nothing that vouches for something outlives it: manifests go first, and of a table the newest
version first, so that a reader finds an older state or none, whenever the removal is cut off.
Removing again what was removed in part removes the rest, and until then a note that goes last keeps
every stage from building on what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlfactory.lake.at_work import Work, under_way
from mlfactory.lake.catalog import AT_WORK, LEDGER, MANIFESTS, REMOVAL, raw
from mlfactory.lake.processes import described
from mlfactory.lake.store import Store, find_json, product_store, write_json
from mlfactory.product.errors import UsageError

_FIRST = (MANIFESTS, LEDGER)
_NOTES = (AT_WORK, REMOVAL)
"""What is kept of work on a product, and not of the product."""
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


def removal_under_way(product: str) -> dict[str, bool] | None:
    """Return what a removal that began and did not end takes with it, None if there is none."""
    return find_json(product_store(product), REMOVAL)


def begin_removal(product: str, *, registry: bool, force: bool = False) -> None:
    """Note that a product is being removed, before anything of it goes.

    Args:
        registry: whether what MLflow has of it goes as well.
        force: also while work on it is under way, which is refused at its end.

    Raises:
        UsageError: if work is under way; nothing is noted then that was not before.
    """
    store = product_store(product)
    begun = removal_under_way(product)
    write_json(store, REMOVAL, {"registry": registry})
    # whatever begins from now on finds the note, and whatever began before has left its own
    works = [] if force else under_way(product)
    if not works:
        return
    if begun is None:
        store.delete(REMOVAL)
    else:
        write_json(store, REMOVAL, begun)
    raise _refused(product, works)


def refuse_beneath_work(product: str) -> None:
    """Make sure that no work on a product is under way.

    Raises:
        UsageError: if some is.
    """
    works = under_way(product)
    if works:
        raise _refused(product, works)


def _refused(product: str, works: Sequence[Work]) -> UsageError:
    """Return the error of a removal that would take away what some work stands on."""
    told = "; ".join(f"{work.what}, {described(work.process)}" for work in works[:5])
    return UsageError(
        f"{product} is being worked on: {told}",
        remedy="let it end; --force does it at once, and the work is refused at its end",
    )


def end_removal(product: str) -> None:
    """Note that all is gone that was to go."""
    product_store(product).delete_all()


def refuse_half_removed(product: str) -> None:
    """Make sure that nothing is built on what a removal has left.

    Raises:
        UsageError: if one was cut off, or is under way.
    """
    if removal_under_way(product) is not None:
        raise UsageError(
            f"product {product} is removed in part: a reset of it is under way, or was cut off",
            remedy=f"mlfactory reset {product} goes on with it",
        )


def remove_everything(product: str) -> Iterator[str]:
    """Remove all that the lake keeps of a product, and yield the name of each part when gone."""
    store = product_store(product)
    # first: work that ends from now on finds that it was removed beneath it
    _remove(store, AT_WORK)
    names = held(product)
    for name in sorted(names, key=lambda name: (name not in _FIRST, name)):
        _remove(store, name)
        yield name


def remove_source(product: str, source: str) -> None:
    """Remove what landed of a source, with the manifests that vouch for the landings.

    Whatever was made of it is stale from then on.
    """
    store = product_store(product)
    _remove(store, AT_WORK)
    _remove(store, f"{MANIFESTS}/ingest")
    _remove(store, raw(source))


def _remove(store: Store, name: str) -> None:
    # a checkpoint's name sorts behind its version's, and the pointer to it before everything
    log = store.list(f"{name}/{_LOG}")
    pointers = [file for file in log if file.endswith("_last_checkpoint")]
    for file in [*pointers, *sorted(set(log) - set(pointers), reverse=True)]:
        store.delete(file)
    store.delete_all(name)
