"""Trainings that saw a subject: what they keep of its rows goes, and their models are listed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlfactory.erase.derived import names_of_features, row_names
from mlfactory.lake.catalog import erasure_file
from mlfactory.lake.ledger import DECISIONS, entries
from mlfactory.lake.store import find_json, product_store, write_json
from mlfactory.product.loader import Product
from mlfactory.trainings.files import FIT_KEYS, files_of, trainings_of
from mlfactory.trainings.heldout import HOLDOUT_ANSWERS, HOLDOUT_ROWS

Names = Mapping[str, pa.Array]
"""By partition, what names the rows that its features have."""


@dataclass(frozen=True)
class Trained:
    """A training whose data had rows of the subject, or may have had.

    Attributes:
        version: of the model that came of it; empty if none was judged.
    """

    training_id: str
    version: str


def trained_on(product: Product, keys: list[str]) -> list[Trained]:
    """Return the trainings whose window has some of the partitions; a sample may lack the rows."""
    versions = {
        entry.subject: str(entry.details.get("version", ""))
        for entry in entries(product.name, *DECISIONS)
    }
    return [
        Trained(training.training_id, versions.get(training.training_id, ""))
        for training in trainings_of(product.name)
        if {*training.fit_partitions, *training.holdout_partitions} & {*keys}
    ]


def drop_kept_rows(product: Product, keys: list[str]) -> None:
    """Remove what trainings keep of rows that the features of some partitions have no more."""
    known: dict[str, pa.Array] = {}
    for training in trainings_of(product.name):
        read = {*training.fit_partitions, *training.holdout_partitions} & {*keys}
        for key in read - set(known):
            known[key] = names_of_features(product, key)
        if read:
            of = {key: known[key] for key in read}
            _drop(product, training.training_id, [FIT_KEYS], of)
            _drop(product, training.training_id, [HOLDOUT_ROWS, HOLDOUT_ANSWERS], of)


def _drop(product: Product, training_id: str, names: list[str], known: Names) -> None:
    """Remove rows of files that are aligned, of which the first has the rows' key.

    Which rows stay is put aside first: of two files one may be written when this is cut off.
    """
    files, store = files_of(product.name, training_id), product_store(product.name)
    content = files.find(names[0])
    aside = erasure_file(f"kept/{training_id}.{names[0]}.json")
    told = find_json(store, aside)
    if told is None:
        if content is None:
            return
        kept = _kept(product, pq.read_table(io.BytesIO(content)), known)
        if kept.all():
            return
        told = {"rows": len(kept), "kept": np.flatnonzero(kept).tolist()}
        write_json(store, aside, told)
    for name in names:
        given = files.find(name)
        if given is None:
            continue
        frame = pd.read_parquet(io.BytesIO(given))
        if len(frame) == told["rows"]:
            sink = io.BytesIO()
            frame.iloc[told["kept"]].reset_index(drop=True).to_parquet(sink, index=False)
            files.write(name, sink.getvalue())
    store.delete(aside)


def _kept(product: Product, rows: pa.Table, known: Names) -> np.ndarray:
    """Return which rows stay: those of other partitions, and those that features still have."""
    columns = list(product.spec.features.key)
    if not set(columns) <= set(rows.column_names):
        return np.zeros(rows.num_rows, dtype=np.bool_)  # nobody can tell whose they are
    names, place = row_names(rows, columns), _partitions(product, rows)
    kept = np.ones(rows.num_rows, dtype=np.bool_)
    for key, of_key in known.items():
        own = np.ones(rows.num_rows, dtype=np.bool_) if place is None else place == key
        there = pc.is_in(names, of_key).to_numpy(zero_copy_only=False)
        kept &= ~own | np.asarray(there)
    return kept


def _partitions(product: Product, rows: pa.Table) -> np.ndarray | None:
    """Return (rows,) the partition of each, None of a snapshot."""
    time = product.spec.features.event_time
    if product.calendar.is_snapshot or time is None or time not in rows.column_names:
        return None
    times = rows[time].to_pylist()
    found = {each: product.calendar.containing(each).key for each in set(times)}
    return np.array([found[each] for each in times], dtype=object)
