"""A product's part of the lake, read so that the copy is what a kill would have left.

In the lake what is pointed to is written before what points to it, and while a backup is made
nothing is taken away. So whatever points is read first, and what it points to after that: that is
there, and more, which nobody points to.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from mlfactory.backup.contents import LAKE, Index, copied
from mlfactory.lake.catalog import (
    AT_WORK,
    CLAIMS,
    KEY_HASHES,
    LEDGER,
    MANIFESTS,
    RECEIVED,
    SUMMARIES,
    TRAININGS,
)
from mlfactory.lake.ledger import entries
from mlfactory.lake.old_versions import LOG
from mlfactory.lake.store import Store, product_store, store_at
from mlfactory.product.loader import product_folders
from mlfactory.settings import settings

_NAME = re.compile(r"[a-z][a-z0-9_]{1,47}")
# not the pointer to the newest checkpoint, which may be made while the log is copied, and not be in
# it: without that pointer a reader finds the newest that is there
_OF_LOG = re.compile(rf"[^/]+/{LOG}/\d{{20}}\.(json|checkpoint.*\.parquet)")
_OF_TRAINING = re.compile(rf"{TRAININGS}/[^/]+/[^/]+\.json")
"""What points to other files of its training, or to MLflow."""

_LEFT_OUT = (AT_WORK, SUMMARIES, RECEIVED, KEY_HASHES)
"""Notes of those who are at work, and what is made anew where it is absent."""


def products_of_lake() -> list[str]:
    """Return the names of the products that the lake has anything of."""
    names = store_at(settings().lake_uri).list()
    tops = {name.partition("/")[0] for name in names if "/" in name}
    # a product's folder may be a link to another disk, which no list of the lake follows
    linked = {folder.name for folder in product_folders()} - tops
    tops |= {name for name in linked if product_store(name).list()}
    return sorted(top for top in tops if _NAME.fullmatch(top))


def save_what_points(product: str, place: Store, index: Index) -> None:
    """Copy manifests, logs of tables, the records of trainings, and claims.

    A manifest that is not the same before the logs are read and after is left out: rows are
    replaced only when it is gone, so those of the others are what they vouch for.
    """
    store, folder = product_store(product), f"{LAKE}/{product}"
    before = store.marks(MANIFESTS)
    copied(store, before, place, folder, index)
    # a checkpoint's name sorts behind that of its version
    copied(store, filter(_OF_LOG.fullmatch, store.list()), place, folder, index)
    after = store.marks(MANIFESTS)
    for name in [name for name, mark in before.items() if after.get(name) != mark]:
        index.files.pop(f"{folder}/{name}", None)
        place.delete(f"{folder}/{name}")
    copied(store, filter(_OF_TRAINING.fullmatch, store.list(TRAININGS)), place, folder, index)
    copied(store, store.list(CLAIMS), place, folder, index)


def save_ledger(product: str, place: Store, index: Index) -> None:
    """Copy the decisions about a product's models."""
    store = product_store(product)
    copied(store, store.list(LEDGER), place, f"{LAKE}/{product}", index)


def ledgers(products: Collection[str]) -> dict[str, int]:
    """Return how many decisions there are of each product."""
    return {product: len(product_store(product).list(LEDGER)) for product in products}


def save_the_rest(product: str, place: Store, index: Index, decided: int) -> None:
    """Copy all that is pointed to: rows, the files of trainings, pages.

    Args:
        decided: how many entries of the ledger were copied.
    """
    store, folder = product_store(product), f"{LAKE}/{product}"
    # what was pinned since and is not decided about may be known to an MLflow that is not copied
    known = {entry.subject for entry in entries(product)[:decided]}
    start = f"{folder}/{TRAININGS}/"
    known |= {name.removeprefix(start).split("/")[0] for name in index.files if start in name}
    decided_about = {entry.subject for entry in entries(product)[:decided]}

    def belongs(name: str) -> bool:
        top, _, rest = name.partition("/")
        if f"{folder}/{name}" in index.files or f"/{LOG}/" in name:
            return False
        if top == TRAININGS:
            training = rest.partition("/")[0]
            points = _OF_TRAINING.fullmatch(name) is not None
            return training in (decided_about if points else known)
        return top not in (*_LEFT_OUT, MANIFESTS, LEDGER, CLAIMS)

    copied(store, filter(belongs, store.list()), place, folder, index)
