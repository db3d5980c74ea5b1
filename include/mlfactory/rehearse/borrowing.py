"""What is taken over from another environment's lake: landed rows, as they landed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from mlfactory.lake import ledger
from mlfactory.lake.catalog import MANIFESTS, PARTITION, manifest_file, raw
from mlfactory.lake.manifests import read_manifests
from mlfactory.lake.store import product_store, write_json
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.settings import Settings, settings, settings_of


@dataclass(frozen=True, eq=False)
class Landing:
    """The rows of a partition: of each source as its table has them, with what says so."""

    manifest: Mapping[str, Any]
    rows: Mapping[str, pa.Table]


def newest_landed(product: Product, last: int) -> list[str]:
    """Return the keys of the newest partitions that this environment has landed, oldest first.

    Raises:
        UsageError: if there is none.
    """
    keys = _landed(product)
    if not keys:
        raise UsageError(
            f"product {product.name} has landed nothing in {settings().env}, so there is nothing "
            "to rehearse with",
            remedy="name an environment where it runs",
        )
    return keys[-last:]


def borrow(product: Product, keys: Sequence[str], other: Settings) -> None:
    """Land here what landed there, with the same ids of landings; what is here of them is replaced.

    A source that the product has here only is empty in them.
    """
    lake = Lake(product.name)
    for key in keys:
        with settings_of(other):
            found = _read(product, key)
        if found is None:
            continue
        for source, rows in found.rows.items():
            lake.replace(raw(source), rows.drop_columns([PARTITION]), key)
        write_json(product_store(product.name), manifest_file("ingest", key), found.manifest)


def refuse_own_life(product: Product) -> None:
    """Make sure that this lake has no decision of its own: a rehearsal is no neighbour for it.

    Raises:
        UsageError: if it has one.
    """
    own = [
        entry
        for entry in ledger.entries(product.name, *ledger.DECISIONS)
        if ledger.RELEASED not in entry.details
    ]
    if own:
        raise UsageError(
            f"{product.name} lives in {settings().lake_uri}: its ledger has decisions of its own "
            f"(entry {own[-1].number}), and a rehearsal would replace its rows",
            remedy="rehearse in an empty place: MLFACTORY_HOME=$(mktemp -d) mlfactory rehearse …",
        )


def refuse_other_rows(product: Product, keys: Sequence[str]) -> None:
    """Make sure that this lake has no rows but those that are to be replaced.

    A training would read others beside them, such as those of a rehearsal of more partitions.

    Raises:
        UsageError: if it has.
    """
    others = sorted({*_landed(product)} - {*keys})
    if others:
        raise UsageError(
            f"{settings().lake_uri} has other partitions of {product.name} ({others[0]} to "
            f"{others[-1]}), which the training would read as well",
            remedy="rehearse in an empty place: MLFACTORY_HOME=$(mktemp -d) mlfactory rehearse …",
        )


def _landed(product: Product) -> list[str]:
    names = product_store(product.name).list(f"{MANIFESTS}/ingest")
    return sorted(PurePosixPath(name).stem for name in names)


def _read(product: Product, key: str) -> Landing | None:
    """Return what stands in the lake of this process's settings; None if it is gone meanwhile."""
    manifest = read_manifests(product.name, "ingest", [key]).get(key)
    if manifest is None:
        return None
    lake = Lake(product.name)
    tables = {name: lake.arrow(raw(name), [key]) for name in product.spec.sources}
    return Landing(manifest, {name: rows for name, rows in tables.items() if rows is not None})
