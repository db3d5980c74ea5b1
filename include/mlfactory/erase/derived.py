"""What is made of landed rows, made again of those that are left; and what cannot be, goes.

Predictions are not made again: what was said of others stays as it was said. Those go whose event
is not among the features any more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory import prepare, validate
from mlfactory.erase.landed import rewrite
from mlfactory.erase.search import in_quarantine, subjects_of
from mlfactory.ingest.subjects import texts_of
from mlfactory.lake.catalog import (
    FEATURES,
    LABELS,
    PARTITION,
    PREDICTIONS,
    QUARANTINE,
    manifest_file,
    mark_of,
    rows_of,
    source_of,
)
from mlfactory.lake.erased import Erasure
from mlfactory.lake.manifests import read_manifest, run_name, stands_on
from mlfactory.lake.old_versions import tables_of
from mlfactory.lake.store import find_json, product_store, write_json
from mlfactory.lake.summaries import summaries
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import WRITERS
from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)


def validated(product: Product, keys: list[str]) -> list[str]:
    """Return which of some partitions were validated."""
    return [key for key in keys if read_manifest(product.name, "validate", key)]


def built_of(product: Product, keys: list[str]) -> list[str]:
    """Return the partitions whose features or labels are built of rows of some partitions."""
    read = {run_name("validate", key) for key in keys}
    return sorted(
        {
            *(
                k
                for k, each in summaries(product.name, "prepare").items()
                if read & {*each["reads"]}
            ),
            *set(keys) & set(Lake(product.name).partitions(FEATURES)),
        }
    )


def judge_again(
    product: Product, partition: Partition, erasure: Erasure, go_on: Callable[[], None]
) -> str:
    """Validate a partition that was landed anew; return what stands against it, if anything.

    Args:
        go_on: raises where the erasure was taken over, or the lake is away: then nothing goes.
    """
    landed = read_manifest(product.name, "ingest", partition.key)
    if stands_on(read_manifest(product.name, "validate", partition.key), landed):
        return ""
    try:
        validate.run(product, partition)
    except FactoryError as error:
        if read_manifest(product.name, "validate", partition.key):
            return f"{partition.key}: {error.problem}"
        go_on()
        # nothing of the judgement before may stay, which is of rows that are gone
        lake = Lake(product.name)
        for table in tables_of(product.name):
            mended = rows_of(table) is not None and source_of(table) is None
            if (table == QUARANTINE or mended) and partition.key in lake.partitions(table):
                lake.replace(table, pa.table({}), partition.key)
        return f"{partition.key}: {error.problem}"
    return ""


def build_again(product: Product, partition: Partition, go_on: Callable[[], None]) -> str:
    """Build a partition anew; what cannot be built goes. Return what stands against it, if any.

    Args:
        go_on: see `judge_again`.
    """
    read = read_manifest(product.name, "validate", partition.key)
    done = read_manifest(product.name, "prepare", partition.key)
    if done and all(
        read_manifest(product.name, *name.split("/", 1)).get("id", "") == known
        for name, known in done["reads"].items()
    ):
        return ""
    problem = "" if read else f"{partition.key}: it is not validated"
    if read:
        try:
            prepare.run(product, partition)
        except FactoryError as error:
            problem = f"{partition.key}: {error.problem}"
    if problem:
        go_on()
        lake = Lake(product.name)
        product_store(product.name).delete(manifest_file("prepare", partition.key))
        for table in (FEATURES, LABELS):
            if partition.key in lake.partitions(table):
                lake.replace(table, pa.table({}), partition.key)
    return problem


def drop_unbuilt(product: Product, key: str) -> None:
    """Remove predictions about events that a partition's features do not have any more."""
    lake = Lake(product.name)
    if key not in lake.partitions(PREDICTIONS):
        return
    names = names_of_features(product, key)
    columns = list(product.spec.features.key)

    def keep(rows: pa.Table) -> np.ndarray:
        return np.asarray(pc.is_in(row_names(rows, columns), names).to_numpy(zero_copy_only=False))

    if all(keep(batch).all() for batch in lake.batches(PREDICTIONS, [key], columns=columns)):
        settle(product, PREDICTIONS, key)
        return
    rewrite(lake, PREDICTIONS, key, keep)
    settle(product, PREDICTIONS, key)


def drop_the_rest(product: Product, erasure: Erasure) -> None:
    """Remove rows of the subject that are still there, as of what nothing can be built of again."""
    lake = Lake(product.name)
    for table in tables_of(product.name):
        for key in _keys_with(product, table, erasure):

            def keep(rows: pa.Table, table: str = table) -> np.ndarray:
                if table == QUARANTINE:
                    return ~in_quarantine(product, rows, erasure)
                return ~subjects_of(product, table, erasure).among(rows)

            rewrite(lake, table, key, keep)
            settle(product, table, key)


def settle(product: Product, table: str, key: str) -> None:
    """Let the manifest of the run that wrote rows vouch for as many as are left."""
    stage = WRITERS.get(table, "validate")
    store, file = product_store(product.name), manifest_file(stage, key)
    found = find_json(store, file)
    lake = Lake(product.name)
    left = lake.marks(table, mark_of(table), [key]).get(key, {})
    if found is None or table not in found["written"] or set(left) - {found["id"]}:
        return
    rows = left.get(found["id"], 0)
    if found["written"][table] != rows:
        found["written"][table] = rows
        found["outputs"][table] = lake.version(table)
        write_json(store, file, found)


def names_of_features(product: Product, key: str) -> pa.Array:
    """Return what names the rows of a partition's features, as `row_names` does."""
    lake, columns = Lake(product.name), list(product.spec.features.key)
    if not set(columns) <= set(lake.columns(FEATURES)):
        return pa.array([], pa.string())
    found = [row_names(each, columns) for each in lake.batches(FEATURES, [key], columns=columns)]
    return pa.chunked_array(found, pa.string()).combine_chunks()


def row_names(rows: pa.Table, columns: list[str]) -> pa.Array:
    """Return (rows,) the values of some columns as one text."""
    texts = [pc.fill_null(texts_of(rows[name]), "\0") for name in columns]
    joined = pc.binary_join_element_wise(*texts, "\0\0") if len(texts) > 1 else texts[0]
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _keys_with(product: Product, table: str, erasure: Erasure) -> Iterator[str]:
    from mlfactory.erase.search import matches

    found = set[str]()
    for batch, here in matches(product, table, erasure):
        found |= set(batch[PARTITION].filter(pa.array(here)).to_pylist())
    yield from sorted(found)
