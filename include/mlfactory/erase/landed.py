"""Rows as they landed, landed once more without those of a subject.

A landing is a new one, with an id of its own: whatever was made of the one before is stale, and is
made again of what is left. The sources are not asked. What the manifest said of the landing before
stays, but for the counts, and so does when it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.erase.search import subjects_of
from mlfactory.ingest.subjects import Rows
from mlfactory.lake.batches import Stream
from mlfactory.lake.catalog import (
    LANDED_ROW,
    LANDING,
    PARTITION,
    ROW,
    clean,
    corrected,
    erasure_file,
    mark_of,
    rows_of,
    source_of,
)
from mlfactory.lake.erased import Erasure
from mlfactory.lake.manifests import manifest, read_manifest, run_name
from mlfactory.lake.old_versions import tables_of
from mlfactory.lake.row_batches import in_order
from mlfactory.lake.store import find_json, product_store, write_json
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_KEPT = ("spec_hash", "code_hash", "code_revision", "lock_hash", "seed", "started_at")


def land_without(product: Product, partition: Partition, erasure: Erasure) -> int:
    """Land a partition anew without the rows of a subject, and return how many these were.

    Nothing is done where it has none.

    Cut off in the middle, it is done again from the manifest that was put aside.
    """
    store, lake = product_store(product.name), Lake(product.name)
    aside = erasure_file(f"landed/{partition.key}.json")
    before = read_manifest(product.name, "ingest", partition.key)
    if before:
        if not is_there(product, partition, erasure):
            return 0
        write_json(store, aside, before)
    before = before or find_json(store, aside) or {}
    landed = [table for table in tables_of(product.name) if source_of(table) is not None]
    if not before:
        # of a landing that never ended nothing vouches for the rows
        for table in landed:
            keep = _keeping(product, table, partition.key, erasure)
            if partition.key in lake.partitions(table):
                rewrite(lake, table, partition.key, keep)
        return 0
    gone = 0
    with manifest(product, "ingest", partition.key, begin=False) as record:
        for name in _KEPT:
            setattr(record, name, before[name])
        record.begin()
        counts = dict(before["counts"])
        for table in landed:
            source = rows_of(table) or ""
            if partition.key not in lake.partitions(table):
                continue
            had = sum(lake.marks(table, LANDING, [partition.key])[partition.key].values())
            rows = _without(product, lake, table, partition.key, erasure, record.id)
            record.write(lake, table, rows)
            gone += had - record.written[table]
            if source in counts:
                counts[source] = record.written[table]
        record.reads, record.counts = dict(before["reads"]), counts
        record.facts = {**before["facts"], "erased": erasure.id}
    return gone


def rewrite(lake: Lake, table: str, key: str, keep: Callable[[pa.Table], Rows]) -> int:
    """Leave out rows of a partition, and return how many are left; marks stay as they are.

    Args:
        keep: gives (rows,) which of a batch's rows stay.
    """
    batches = lake.batches(table, [key])
    first = next(batches)
    schema = first.schema.remove(first.schema.get_field_index(PARTITION))
    kept = (
        rows.filter(pa.array(keep(rows))).drop_columns([PARTITION])
        for rows in chain([first], batches)
    )
    stream = Stream(schema, kept)
    lake.replace(table, stream, key)
    return stream.rows


def is_there(product: Product, partition: Partition, erasure: Erasure) -> bool:
    """Tell whether rows of the subject landed in a partition, or became theirs since."""
    tables = [table for table in tables_of(product.name) if rows_of(table) is not None]
    lake = Lake(product.name)
    for table in tables:
        wanted = subjects_of(product, table, erasure).columns(lake.columns(table, ours=True))
        for batch in lake.batches(table, [partition.key], columns=wanted) if wanted else ():
            if subjects_of(product, table, erasure).among(batch).any():
                return True
    return False


def _without(
    product: Product, lake: Lake, table: str, key: str, erasure: Erasure, landing: str
) -> Stream:
    """Return the rows of a landing without the subject's, numbered anew."""
    tables = in_order(lake, table, key, None, lake.version(table) or 0)
    first = next(tables)
    schema = first.schema.remove(first.schema.get_field_index(PARTITION))

    keep = _keeping(product, table, key, erasure)

    def left() -> Iterator[pa.Table]:
        number = 0
        for rows in chain([first], tables):
            kept = rows.filter(pa.array(keep(rows)))
            own: Mapping[str, pa.Array] = {
                LANDING: pa.repeat(pa.scalar(landing, pa.string()), kept.num_rows),
                ROW: pa.array(np.arange(number, number + kept.num_rows), pa.int64()),
            }
            number += kept.num_rows
            for name, column in own.items():
                kept = kept.set_column(kept.column_names.index(name), name, column)
            yield kept.drop_columns([PARTITION])

    return Stream(schema, left())


def _keeping(
    product: Product, table: str, key: str, erasure: Erasure
) -> Callable[[pa.Table], Rows]:
    """Return what tells rows that are not the subject's, as landed or as they became."""
    subjects = subjects_of(product, table, erasure)
    landing, places = mended(product, rows_of(table) or "", key, erasure)

    def keep(rows: pa.Table) -> Rows:
        kept = ~subjects.among(rows)
        if places:
            of_landing = pc.equal(rows[LANDING], landing).to_numpy()
            kept &= ~(of_landing & np.isin(rows[ROW].to_numpy(), list(places)))
        return kept

    return keep


def mended(product: Product, source: str, key: str, erasure: Erasure) -> tuple[str, set[int]]:
    """Return the places of rows that are the subject's as they were corrected or cleaned.

    Returns:
        The id of their landing, and the places there: in another landing these are other rows'.
    """
    lake, found = Lake(product.name), set[int]()
    judged = read_manifest(product.name, "validate", key)
    landing = str(judged.get("reads", {}).get(run_name("ingest", key), ""))
    # a row that was corrected is cleaned after that, and stands among the cleaned ones
    cleaned = key in lake.partitions(clean(source))
    table, place = (clean(source), LANDED_ROW) if cleaned else (corrected(source), ROW)
    subjects, there = subjects_of(product, table, erasure), lake.columns(table, ours=True)
    wanted = subjects.columns(there)
    if not landing or not wanted or place not in there:
        return "", found
    mark = mark_of(table)
    for batch in lake.batches(table, [key], columns=list(dict.fromkeys([*wanted, place, mark]))):
        of_run = pc.equal(batch[mark], str(judged["id"])).to_numpy()
        found |= set(batch[place].to_numpy()[subjects.among(batch) & of_run].tolist())
    return landing, found
