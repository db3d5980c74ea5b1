"""How many labels are known: counted batch by batch, exactly, however many rows there are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import FEATURES, LABELS, PARTITION
from mlfactory.lake.due import landings_of
from mlfactory.lake.hashes import Hashes, row_hashes
from mlfactory.lake.labels import event_partitions, judged_by, label_columns, told_among
from mlfactory.lake.manifests import read_manifests
from mlfactory.lake.sampling import event_key, rows_of
from mlfactory.lake.settled import settle
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import vouched_batches
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

Ints = npt.NDArray[np.intp]

HELD = 2**25
"""Hashes that are held at once, 8 bytes each: of more rows part after part is counted."""

Events = Callable[[], Iterable[pa.Table]]
"""Gives the rows of a table anew each time it is asked."""


def count_known(
    product: Product, slot: Partition, as_of: datetime, *, spared: Collection[str] = ()
) -> int:
    """Return of how many events of a partition the label was known at a moment.

    As many as `labels.known_labels` has rows; of events that landed in several partitions those
    count as one whose keys have the same hash, which of 100 million two have once in 4,000 times.

    Args:
        spared: see `vouched_rows`.
    """
    if len(landings_of(product, [slot.key], as_of)) == 1 and not product.spec.label.is_told:
        return sum(batch.num_rows for batch in _known(product, slot, as_of, spared))
    count = 0
    for part in _parts(_rows_of(product, slot, as_of)):
        found = _hashes(product, slot, as_of, spared, part)
        count += len(np.unique(_joined(found)))
    return count


def count_known_in(
    product: Product,
    keys: Sequence[str],
    as_of: datetime,
    version: int,
    *,
    left_out: Collection[str] = (),
) -> int:
    """Return how many labels of the events of some partitions were known at a moment.

    They are counted of a version of the table; an event that landed twice counts twice. Of labels
    that are told each event counts once, however often it was told of.

    Args:
        left_out: partitions whose landings do not count.
    """
    landings = [key for key in landings_of(product, keys, as_of) if key not in left_out]
    time, wanted, found = product.spec.features.event_time, set(keys), 0
    if product.spec.label.is_told:
        return _events_told_of(product, keys, as_of, version, landings)
    columns = label_columns(product)
    lake = Lake(product.name)
    for batch in lake.batches(LABELS, landings, columns=columns, version=version):
        told = told_among(product, batch, as_of)
        if product.calendar.is_snapshot or time is None:
            found += int(pc.sum(pc.is_in(told[PARTITION], pa.array(keys))).as_py() or 0)
            continue
        counts = told.select([time]).to_pandas()[time].dt.floor("h").value_counts()
        of_hours = event_partitions(product.calendar, counts.index.to_series())
        found += int(counts[of_hours.isin(wanted).to_numpy()].sum())
    return found


def _events_told_of(
    product: Product, keys: Sequence[str], as_of: datetime, version: int, landings: Sequence[str]
) -> int:
    """Return of how many events of some partitions labels were told until a moment."""
    lake, features, wanted, count = Lake(product.name), product.spec.features, set(keys), 0
    time = str(features.event_time)
    event = event_key(features.key, features.event_time)
    for part in _parts(rows_of(lake, LABELS, landings, version)):
        found = []
        for batch in lake.batches(
            LABELS, landings, columns=label_columns(product), version=version
        ):
            told = told_among(product, batch, as_of)
            of = event_partitions(product.calendar, told.select([time]).to_pandas()[time])
            hashed = row_hashes(told.filter(pa.array(of.isin(wanted).to_numpy())), event)
            found.append(np.unique(_within(hashed, part)))
        count += len(np.unique(_joined(found)))
    return count


def count_labelled(
    product: Product,
    slot: Partition,
    as_of: datetime,
    events: Events,
    *,
    spared: Collection[str] = (),
) -> tuple[int, int]:
    """Return how many events of a partition some rows tell of, and how many have a known label.

    Labels count that a model may be judged by, see `labels.judged_by`.

    Args:
        events: with the key, each event once.
        spared: see `vouched_rows`; of partitions whose labels are read.
    """
    key, rows, labelled = product.spec.features.key, 0, 0
    for part in _parts(_rows_of(product, slot, as_of)):
        hashed = _joined(_within(row_hashes(batch, key), part) for batch in events())
        hashed.sort()
        known = np.zeros(len(hashed), dtype=np.bool_)
        for found in _hashes(product, slot, as_of, spared, part, judged=True):
            known[_places(hashed, found)] = True
        rows, labelled = rows + len(hashed), labelled + int(known.sum())
    return rows, labelled


def _known(
    product: Product, slot: Partition, as_of: datetime, spared: Collection[str]
) -> Iterator[pa.Table]:
    """Yield the labels of a partition's events that were known at a moment."""
    landings, time = landings_of(product, [slot.key], as_of), product.spec.features.event_time
    columns = label_columns(product)
    for batch in vouched_batches(product.name, LABELS, landings, columns=columns, spared=spared):
        told = told_among(product, batch, as_of)
        if product.calendar.is_snapshot or time is None:
            yield told.filter(pc.equal(told[PARTITION], slot.key))
            continue
        start, end = (pa.scalar(one, told[time].type) for one in (slot.start, slot.end))
        within = pc.and_(pc.greater_equal(told[time], start), pc.less(told[time], end))
        yield told.filter(within)


def _hashes(
    product: Product,
    slot: Partition,
    as_of: datetime,
    spared: Collection[str],
    part: tuple[int, int],
    *,
    judged: bool = False,
) -> Iterator[Hashes]:
    """Yield hashes, within a range, of the events whose label was known at a moment.

    Args:
        judged: only of those that a model may be judged by.
    """
    key, told = product.spec.features.key, []
    for batch in _known(product, slot, as_of, spared):
        batch = judged_by(product, batch) if judged else batch
        hashed = row_hashes(batch, key)
        if product.spec.label.is_told:
            # which label counts, and whether one does, only all that was told of an event says
            told.append(batch.filter(pa.array(_are_within(hashed, part))))
        else:
            yield hashed[_are_within(hashed, part)]
    if told:
        rows = pa.concat_tables(told).to_pandas()
        counting = settle(rows, key, product.spec.label.kind).rows
        schema = told[0].select(key).schema
        named = pa.Table.from_pandas(counting[list(key)], schema, preserve_index=False)
        yield row_hashes(named, key)


def _rows_of(product: Product, slot: Partition, as_of: datetime) -> int:
    """Return how many rows there may be of a partition's events, or of their labels."""
    made = read_manifests(product.name, "prepare", landings_of(product, [slot.key], as_of))
    labels = sum(int(one.get("written", {}).get(LABELS, 0)) for one in made.values())
    return max(labels, int(made.get(slot.key, {}).get("written", {}).get(FEATURES, 0)))


def _parts(rows: int) -> list[tuple[int, int]]:
    """Return as many ranges of hashes as let about `HELD` rows lie in each, both ends in it."""
    count = max(1, -(-rows // HELD))
    starts = [2**64 * part // count for part in range(count + 1)]
    return [(start, end - 1) for start, end in pairwise(starts)]


def _within(hashed: Hashes, part: tuple[int, int]) -> Hashes:
    return hashed if part == (0, 2**64 - 1) else hashed[_are_within(hashed, part)]


def _are_within(hashed: Hashes, part: tuple[int, int]) -> npt.NDArray[np.bool_]:
    return (hashed >= np.uint64(part[0])) & (hashed <= np.uint64(part[1]))


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
