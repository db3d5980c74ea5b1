"""What a partition may not lose by being landed again for its labels, or for what has come."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlfactory.ingest.places import lying
from mlfactory.ingest.versions import Facts, files_of
from mlfactory.lake.batches import Batched, pieces_of
from mlfactory.lake.catalog import raw
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.product.sources import FileSource

_NAMED = 3


def refuse_loss(
    product: Product, partition: Partition, rows: Mapping[str, int], anew: Collection[str]
) -> None:
    """Make sure that reading a partition again finds what was found before.

    A register delivered short would take labels away that were known, and nothing would tell: it
    may not have fewer rows than this partition landed of it, nor than the newest that landed it.

    Args:
        rows: how many there are now, by source.
        anew: the registers that were read anew, as labels come in them.

    Raises:
        ContractError: if a source has fewer rows than it had.
    """
    for name, count in rows.items():
        for key in _landings(product, partition, name, anew):
            had = read_manifest(product.name, "ingest", key).get("counts", {}).get(name, 0)
            if count < had:
                since = "" if key == partition.key else f" when {key} was landed"
                raise ContractError(
                    f"{product.name}.{name}, partition {partition}: it was read again for its "
                    f"labels, and its source has {count:,} of the {had:,} rows that it had{since}",
                    remedy="its labels stay as they were, and it is tried again; if the rows are "
                    f"meant to be gone: mlfactory run {product.name} {partition} "
                    + ("--renew --downstream" if name in anew else "--stage ingest --downstream"),
                )


def refuse_lost(
    product: Product,
    partition: Partition,
    before: Mapping[str, Any],
    now: Mapping[str, Facts],
    rows: Mapping[str, pa.Table | Batched],
    left_out: Mapping[str, Collection[str]],
) -> None:
    """Make sure that landing a partition again for what has come loses nothing that it had.

    A file that is there may have been corrected; but that it has fewer rows of an old partition may
    as well mean that it was cut off, or keeps the rows of some days only: a person says which. One
    that was taken away takes its rows with it: of other keys as many may have come.

    Args:
        before: the manifest of the landing that is replaced, empty if there is none.
        now: what is known of each source.
        rows: those that are there now, by source.
        left_out: files that were not read, by source and address.

    Raises:
        ContractError: a source lacks rows that it had, and they are of no file that is there.
    """
    for name, found in rows.items():
        had = before.get("counts", {}).get(name, 0)
        facts = before.get("facts", {}).get("sources", {}).get(name, {})
        gone = _gone(product, name, facts, now[name], left_out.get(name, ()))
        lost = max(had - found.num_rows, _keys_lost(product, partition, name, found) if gone else 0)
        if lost <= 0:
            continue
        which = f": {', '.join(gone)} is gone, or cannot be read" if gone else ""
        raise ContractError(
            f"{product.name}.{name}, partition {partition}: it was landed again for what has "
            f"come, and its source lacks {lost:,} of the {had:,} rows that it had{which}",
            remedy="the partition stays as it was; bring the rows back, or, if they are meant "
            "to be gone, land what is there: "
            f"mlfactory run {product.name} {partition} --stage ingest --downstream",
        )


def _landings(
    product: Product, partition: Partition, name: str, anew: Collection[str]
) -> list[str]:
    """Return the partitions whose landing of a source the rows are held to."""
    source = product.spec.sources[name]
    if source.event_time:
        return [partition.key]
    if name not in anew:
        return []
    if source.per_partition:
        # every partition has a file of its own, which may be longer or shorter
        return [partition.key]
    return sorted({partition.key, *Lake(product.name).partitions(raw(name))[-1:]})


def _gone(
    product: Product, name: str, before: Facts, now: Facts, left_out: Collection[str]
) -> list[str]:
    """Return the files that had rows, have none now, and cannot be read or are not there."""
    had, has = files_of(before), files_of(now)
    gone = {path for path, each in had.items() if path not in has and each.get("rows") != 0}
    source = product.spec.sources[name]
    if gone and isinstance(source, FileSource):
        with suppress(OSError):  # what cannot be looked at may be gone
            # one that is there was corrected, and has no row of the partition any more
            there = {file.address for file, _ in lying(product, source.path)}
            gone -= there - set(left_out)
    return sorted(PurePosixPath(path).name for path in gone)[:_NAMED]


def _keys_lost(product: Product, partition: Partition, name: str, now: pa.Table | Batched) -> int:
    """Return how many landed rows have a key that no row has now; none where rows have no key."""
    key, lake = list(product.spec.sources[name].key), Lake(product.name)
    if not key or not set(key) <= set(lake.columns(raw(name)) or ()) & set(now.schema.names):
        return 0
    has = _hashes(pieces_of(now), key)
    had = _hashes(lake.batches(raw(name), [partition.key], columns=key), key)
    return int((~np.isin(had, has)).sum())


def _hashes(tables: Iterable[pa.Table], key: list[str]) -> npt.NDArray[np.uint64]:
    from mlfactory.trainings.blocks import hashes  # it loads pandas

    found = [hashes(table.select(key).to_pandas()) for table in tables]
    return np.concatenate(found) if found else np.array([], np.uint64)
