"""How many labels are known: counted batch by batch, exactly, however many rows there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import FEATURES, LABELS, PARTITION
from mlfactory.lake.due import landings_of
from mlfactory.lake.hashes import Hashes, row_hashes
from mlfactory.lake.labels import AVAILABLE_AT, LABEL, label_columns
from mlfactory.lake.manifests import read_manifests
from mlfactory.lake.vouched import vouched_batches
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

Ints = npt.NDArray[np.intp]

HELD = 2**25
"""Hashes that are held at once, 8 bytes each: of more rows part after part is counted."""

Events = Callable[[], Iterable[pa.Table]]
"""Gives the rows of a table anew each time it is asked."""


def count_known(product: Product, slot: Partition, as_of: datetime) -> int:
    """Return of how many events of a partition the label was known at a moment.

    As many as `labels.known_labels` has rows; of events that landed in several partitions those
    count as one whose keys have the same hash, which of 100 million two have once in 4,000 times.
    """
    if len(landings_of(product, [slot.key])) == 1:
        return sum(batch.num_rows for batch in _known(product, slot, as_of))
    return sum(
        len(np.unique(_joined(_within(hashed, part) for hashed in _hashes(product, slot, as_of))))
        for part in _parts(_rows_of(product, slot))
    )


def count_labelled(
    product: Product, slot: Partition, as_of: datetime, events: Events
) -> tuple[int, int]:
    """Return how many events of a partition some rows tell of, and how many have a known label.

    Args:
        events: with the key, each event once.
    """
    key, rows, labelled = product.spec.features.key, 0, 0
    for part in _parts(_rows_of(product, slot)):
        hashed = _joined(_within(row_hashes(batch, key), part) for batch in events())
        hashed.sort()
        known = np.zeros(len(hashed), dtype=np.bool_)
        for found in _hashes(product, slot, as_of):
            known[_places(hashed, _within(found, part))] = True
        rows, labelled = rows + len(hashed), labelled + int(known.sum())
    return rows, labelled


def _known(product: Product, slot: Partition, as_of: datetime) -> Iterator[pa.Table]:
    """Yield the labels of a partition's events that were known at a moment."""
    landings, time = landings_of(product, [slot.key]), product.spec.features.event_time
    columns = label_columns(product)
    for batch in vouched_batches(product.name, LABELS, landings, columns=columns):
        told = pc.invert(pc.is_null(batch[LABEL], nan_is_null=True))
        if product.calendar.is_snapshot or time is None:
            told = pc.and_(told, pc.equal(batch[PARTITION], slot.key))
        else:
            moment = batch[AVAILABLE_AT].type
            told = pc.and_(told, pc.less_equal(batch[AVAILABLE_AT], pa.scalar(as_of, moment)))
            told = pc.and_(told, pc.greater_equal(batch[time], pa.scalar(slot.start, moment)))
            told = pc.and_(told, pc.less(batch[time], pa.scalar(slot.end, moment)))
        yield batch.filter(told)


def _hashes(product: Product, slot: Partition, as_of: datetime) -> Iterator[Hashes]:
    for batch in _known(product, slot, as_of):
        yield row_hashes(batch, product.spec.features.key)


def _rows_of(product: Product, slot: Partition) -> int:
    """Return how many rows there may be of a partition's events, or of their labels."""
    made = read_manifests(product.name, "prepare", landings_of(product, [slot.key]))
    labels = sum(int(one.get("written", {}).get(LABELS, 0)) for one in made.values())
    return max(labels, int(made.get(slot.key, {}).get("written", {}).get(FEATURES, 0)))


def _parts(rows: int) -> list[tuple[int, int]]:
    """Return as many ranges of hashes as let about `HELD` rows lie in each, both ends in it."""
    count = max(1, -(-rows // HELD))
    starts = [2**64 * part // count for part in range(count + 1)]
    return [(start, end - 1) for start, end in pairwise(starts)]


def _within(hashed: Hashes, part: tuple[int, int]) -> Hashes:
    if part == (0, 2**64 - 1):
        return hashed
    return hashed[(hashed >= np.uint64(part[0])) & (hashed <= np.uint64(part[1]))]


def _places(hashed: Hashes, found: Hashes) -> Ints:
    """Return where those of `found` are that are among sorted hashes."""
    if not len(hashed):
        return np.zeros(0, dtype=np.intp)
    found = np.sort(found)
    places = np.minimum(np.searchsorted(hashed, found), len(hashed) - 1)
    there: Ints = places[hashed[places] == found]
    return there


def _joined(parts: Iterable[Hashes]) -> Hashes:
    found = list(parts)
    return np.concatenate(found) if found else np.zeros(0, dtype=np.uint64)
