"""Labels that were told, and what people were asked and answered: those of a subject's events go.

Such labels are never made anew: what stands in the table stays, as its source may have lost it. So
it is noted which events there are before rows go, and the labels of those that are not there any
more go, in whatever partition they were told. What is noted are hashes, gone with the erasure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlfactory.erase.asked import named_of, showing
from mlfactory.erase.derived import names_of_features, row_names, settle
from mlfactory.erase.landed import rewrite
from mlfactory.erase.search import matches, subjects_of
from mlfactory.ingest.subjects import Rows, Subjects
from mlfactory.labelling.page import leave_page
from mlfactory.lake.answers import Batch, read_batches
from mlfactory.lake.catalog import (
    AVAILABLE_AT,
    FEATURES,
    LABELS,
    PARTITION,
    TOLD_AS,
    TOLD_BY,
    answers_folder,
    batch_file,
    batch_page,
    erasure_file,
)
from mlfactory.lake.erased import Erasure
from mlfactory.lake.hashes import Hashes, row_hashes
from mlfactory.lake.kinds import times
from mlfactory.lake.labels import event_partitions
from mlfactory.lake.pii_key import pii_key
from mlfactory.lake.rows import table_of
from mlfactory.lake.settled import PEOPLE
from mlfactory.lake.store import parsed, product_store, write_json
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product

_TOLD = erasure_file("told")
_TIME = pa.timestamp("us", "UTC")


def note_events(product: Product, erasure: Erasure, keys: list[str]) -> None:
    """Note which events partitions have, and which labels rows of the subject told.

    Done again after a part of them went, it leaves what was noted first.
    """
    if not product.spec.label.is_told:
        return
    for key in keys:
        _note(product, _events_file(key), _hashed(names_of_features(product, key)))
    _note(product, _TOLD, _told_by_rows(product, erasure))


def drop_labels(product: Product, erasure: Erasure, keys: list[str]) -> None:
    """Remove labels of events that are gone, and those that rows of the subject told.

    Args:
        keys: of the partitions whose events were noted.
    """
    lake = Lake(product.name)
    if not product.spec.label.is_told or lake.version(LABELS) is None:
        return
    gone, told = _gone(product, keys), _noted(product, _TOLD)

    def keep(rows: pa.Table) -> Rows:
        return ~_is_theirs(product, erasure, rows, gone, told)

    for partition in lake.partitions(LABELS):
        if not all(keep(batch).all() for batch in lake.batches(LABELS, [partition])):
            rewrite(lake, LABELS, partition, keep)
            settle(product, LABELS, partition)


def drop_asked(product: Product, erasure: Erasure, keys: list[str]) -> None:
    """Remove the subject's rows from what people are asked, with what they answered of them.

    Answers go first: which are the subject's is known by what was asked. A file of answers stays,
    also without any: it is known how many there are.
    """
    store, found = product_store(product.name), dict[str, set[str]]()
    gone = _gone(product, keys)
    for key, batch in read_batches(product.name).items():
        hit = showing(product, erasure, batch) | _of_gone(product, batch, gone.get(key))
        if hit.any():
            found[key] = {row.row for row, own in zip(batch.rows, hit, strict=True) if own}
    rows = set[str]().union(*found.values())
    for name in store.list(answers_folder()) if rows else ():
        given = dict(parsed(store.read(name), store.address(name)))
        left = [each for each in given["answers"] if each["row"] not in rows]
        if len(left) < len(given["answers"]):
            write_json(store, name, {**given, "answers": left})
    batches = read_batches(product.name, list(found))
    for key, batch in batches.items():
        kept = replace(batch, rows=tuple(row for row in batch.rows if row.row not in found[key]))
        had_page = store.find(batch_page(key)) is not None
        store.delete(batch_page(key))
        write_json(store, batch_file(key), asdict(kept))
        if had_page:
            leave_page(product, kept)


def _is_theirs(
    product: Product, erasure: Erasure, rows: pa.Table, gone: Mapping[str, Hashes], told: Hashes
) -> Rows:
    """Return which labels are the subject's, or are of events that are gone."""
    features, source = product.spec.features, product.spec.label.source
    found = subjects_of(product, LABELS, erasure).among(rows)
    time = str(features.event_time)
    if gone:
        names = _hashed(row_names(rows, list(features.key)))
        at = event_partitions(product.calendar, rows[time].to_pandas()).to_numpy()
        for key, events in gone.items():
            found |= (at == key) & np.isin(names, events)
    if source is not None:
        own = ~np.asarray(rows[TOLD_AS].to_pandas() == PEOPLE)
        event = named_of(product)
        found |= own & np.isin(_hashed(row_names(rows, [*event, AVAILABLE_AT])), told)
        # as rows of the source, which may not have them any more
        columns = {source.key.get(name, name): rows[name] for name in event}
        columns |= {source.by: rows[TOLD_BY]} if source.by else {}
        subjects = Subjects(product.name, source.source, [erasure], pii_key(product.name))
        found |= own & subjects.among(pa.table(columns))
    return found


def _told_by_rows(product: Product, erasure: Erasure) -> Hashes:
    """Return the names of the labels that the subject's own rows of the labels' source tell."""
    told = product.spec.label.source
    nothing = np.zeros(0, np.uint64)
    if told is None:
        return nothing
    lake, table = Lake(product.name), table_of(product, told.source)
    at = str(product.spec.sources[told.source].event_time)
    key = [told.key.get(name, name) for name in named_of(product)]
    if not {*key, at} <= {*lake.columns(table)}:
        return nothing
    parts = [nothing]
    there = {
        partition
        for batch, hit in matches(product, table, erasure)
        for partition in batch[PARTITION].filter(pa.array(hit)).unique().to_pylist()
    }
    for partition in sorted(there):
        for batch in lake.batches(table, [partition]):
            own = batch.filter(pa.array(subjects_of(product, table, erasure).among(batch)))
            moments = pa.array(times(own[at].to_pandas()), _TIME)
            named = pa.table([*(own[name] for name in key), moments], [*key, "\0at"])
            parts.append(_hashed(row_names(named, named.column_names)))
    return np.unique(np.concatenate(parts))


def _of_gone(product: Product, batch: Batch, gone: Hashes | None) -> Rows:
    """Return which rows of a batch are of events that are gone."""
    if gone is None or not batch.rows:
        return np.zeros(len(batch.rows), dtype=np.bool_)
    features, kinds = product.spec.features, Lake(product.name).columns(FEATURES)
    columns = {
        name: _like([row.key[place] for row in batch.rows], kinds.get(name))
        for place, name in enumerate(named_of(product))
    }
    moments = pd.to_datetime(pd.Series([row.at for row in batch.rows]), utc=True, format="ISO8601")
    columns[str(features.event_time)] = pa.array(moments.astype("datetime64[us, UTC]"), _TIME)
    return np.isin(_hashed(row_names(pa.table(columns), list(features.key))), gone)


def _like(values: Sequence[Any], kind: pa.DataType | None) -> pa.Array:
    """Return values of JSON as the features have them, or as they are."""
    found = pa.array(values)
    try:
        return found if kind is None else found.cast(kind)
    except pa.ArrowInvalid:
        return found


def _gone(product: Product, keys: list[str]) -> dict[str, Hashes]:
    """Return of partitions which of the events that were noted are not there any more."""
    found = {}
    for key in keys:
        before = _noted(product, _events_file(key))
        left = _hashed(names_of_features(product, key))
        if len(lost := np.setdiff1d(before, left)):
            found[key] = lost
    return found


def _events_file(key: str) -> str:
    return erasure_file(f"events/{key}")


def _note(product: Product, file: str, names: Hashes) -> None:
    """Note hashes unless that was done before, as the rows may have gone since."""
    product_store(product.name).create(file, np.unique(names).astype("<u8").tobytes())


def _noted(product: Product, file: str) -> Hashes:
    content = product_store(product.name).find(file) or b""
    return np.frombuffer(content, "<u8").astype(np.uint64)


def _hashed(names: pa.Array) -> Hashes:
    return row_hashes(pa.table({"name": names}), ["name"])
