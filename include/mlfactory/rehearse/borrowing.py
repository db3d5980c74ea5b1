"""What is taken over from another environment's lake: landed rows, as they landed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import PurePosixPath

import pyarrow as pa

from mlfactory.lake import ledger
from mlfactory.lake.batches import Stream
from mlfactory.lake.catalog import (
    MANIFESTS,
    PARTITION,
    answers_folder,
    batches_folder,
    manifest_file,
    raw,
)
from mlfactory.lake.manifests import read_manifests
from mlfactory.lake.row_decisions import decide, decisions_about
from mlfactory.lake.store import product_store, write_json
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.settings import Settings, settings, settings_of


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

    A source that the product has here only is empty in them. What was decided there about rows in
    quarantine comes along: without it other rows would be let through; so does what people answered
    when they were asked for labels.
    """
    lake = Lake(product.name)
    for key in keys:
        with settings_of(other):
            manifest = read_manifests(product.name, "ingest", [key]).get(key)
        if manifest is None:
            # removed meanwhile
            continue
        for source in product.spec.sources:
            rows = _rows(product, source, key, other)
            first = next(rows, None)
            if first is not None:
                lake.replace(raw(source), Stream(first.schema, chain([first], rows)), key)
        _take_decisions(product, key, other)
        _take_answers(product, key, other)
        write_json(product_store(product.name), manifest_file("ingest", key), manifest)


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


def _take_decisions(product: Product, key: str, other: Settings) -> None:
    """Write down here what was decided there, but for what an earlier rehearsal brought."""
    with settings_of(other):
        there = decisions_about(product.name, key)
    here = decisions_about(product.name, key)
    for decision in there[len(here) :]:
        decide(product.name, decision)


def _take_answers(product: Product, key: str, other: Settings) -> None:
    """Write down here what people answered there within a partition, and what they were asked."""
    if product.spec.labelling is None:
        return
    with settings_of(other):
        store = product_store(product.name)
        names = [*store.list(batches_folder()), *store.list(answers_folder(key))]
        found = store.read_many(names)
    for name, content in found.items():
        product_store(product.name).create(name, content)


def _rows(product: Product, source: str, key: str, other: Settings) -> Iterator[pa.Table]:
    """Yield what landed there, a batch at a time; in between, the settings are ours."""
    with settings_of(other):
        batches = Lake(product.name).batches(raw(source), [key])
    while True:
        with settings_of(other):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch.drop_columns([PARTITION])
