"""The prepare stage: build the partition's features and labels, and write them to their tables."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import pyarrow as pa

from mlfactory.lake.catalog import QUARANTINE, raw
from mlfactory.lake.manifests import manifest
from mlfactory.lake.tables import Lake
from mlfactory.prepare.build import call_build
from mlfactory.prepare.frame import check_columns, check_key, event_times, labels, numbers, words
from mlfactory.prepare.sources import check_validated, load_sources
from mlfactory.product.errors import BuildError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)

_TIME = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class PrepareResult:
    """How many rows of features and how many labels the partition has."""

    rows: int
    labelled: int
    versions: dict[str, int]
    state: Literal["ok", "no_data"]


@dataclass(frozen=True)
class Prepared:
    """The tables of a partition, in the order of the key."""

    features: pa.Table
    labels: pa.Table


def run(product: Product, partition: Partition) -> PrepareResult:
    """Write the features and labels of `partition`, replacing those of an earlier run.

    Raises:
        UsageError: if the partition was not validated.
        ContractError: if its verdict is `stop`.
        BuildError: if the product's function fails, or returns what its spec does not promise.
    """
    lake = Lake(product.name)
    validation = check_validated(product, partition)
    with manifest(product, "prepare", partition.key) as record:
        record.inputs = lake.versions(*(raw(name) for name in product.spec.sources), QUARANTINE)
        record.has_read(validation)
        prepared = None
        if validation["counts"]["rows"]:
            prepared = _prepare(product, partition)
        for table, rows in _tables(prepared).items():
            # without rows nothing tells the types that a new table should have
            if prepared is not None or lake.version(table) is not None:
                lake.replace(table, rows, partition.key)
        rows, labelled = (table.num_rows for table in _tables(prepared).values())
        record.outputs = lake.versions("features", "labels")
        record.counts = {"rows": rows, "labelled": labelled}
        result = PrepareResult(rows, labelled, record.outputs, "ok" if rows else "no_data")
        record.facts = {"state": result.state}
    _log.info("%s %s: %d rows, %d labelled", product.name, partition, rows, labelled)
    return result


def prepare(product: Product, partition: Partition, frame: pd.DataFrame) -> Prepared:
    """Split a built frame into the features and labels of `partition`, checked and typed.

    Raises:
        BuildError: if it is not what the product's spec promises.
    """
    spec, where = product.spec, _where(product, partition)
    check_columns(frame, spec, where)
    frame = frame.reset_index(drop=True)
    if spec.features.event_time is not None:
        column = spec.features.event_time
        frame = frame.assign(**{column: event_times(frame, column, where)})
        frame = _inside(product, partition, frame, column)
    check_key(frame, spec.features.key, where)
    frame = frame.sort_values(list(spec.features.key), kind="stable", ignore_index=True)
    return Prepared(_features(product, frame, where), _labels(product, frame, where))


def _prepare(product: Product, partition: Partition) -> Prepared | None:
    sources = load_sources(product, partition)
    frame = call_build(product, _where(product, partition), sources)
    prepared = prepare(product, partition, frame)
    if prepared.features.num_rows and not prepared.labels.num_rows:
        _log.warning(
            "%s %s: none of the %d rows has a label in '%s'",
            product.name,
            partition,
            prepared.features.num_rows,
            product.spec.label.column,
        )
    return prepared if prepared.features.num_rows else None


def _inside(
    product: Product, partition: Partition, frame: pd.DataFrame, column: str
) -> pd.DataFrame:
    """Return the rows of the partition; the others are its history, and were built before."""
    times = frame[column]
    known = (times >= partition.start - product.spec.features.history) & (times < partition.end)
    if len(frame) and not known.any():
        raise BuildError(
            f"{_where(product, partition)}: no event time in '{column}' lies in the partition; "
            f"they go from {times.min()} to {times.max()}",
            remedy="compare features.event_time with the event_time of the sources: both are UTC",
        )
    if not known.all():
        _log.warning(
            "%s %s: %d rows are left out, as their '%s' lies outside of the partition and its "
            "history; the first is %s",
            product.name,
            partition,
            int((~known).sum()),
            column,
            times[~known].iloc[0],
        )
    inside = (times >= partition.start) & (times < partition.end)
    return frame[inside].reset_index(drop=True)


def _features(product: Product, frame: pd.DataFrame, where: str) -> pa.Table:
    spec = product.spec.features
    columns = _named(product, frame)
    for name in spec.numeric:
        columns[name] = pa.array(numbers(frame[name], name, where), pa.float64(), from_pandas=True)
    for name in (*spec.categorical, *spec.sensitive):
        columns[name] = pa.array(words(frame[name]), pa.string(), from_pandas=True)
    if spec.group is not None and spec.group not in columns:
        columns[spec.group] = pa.array(words(frame[spec.group]), pa.string(), from_pandas=True)
    return pa.table(columns)


def _labels(product: Product, frame: pd.DataFrame, where: str) -> pa.Table:
    label, time = product.spec.label, product.spec.features.event_time
    found = labels(frame[label.column], label, where)
    known = found.notna()
    kind = pa.string() if label.kind == "multiclass" else pa.float64()
    # of a snapshot nobody knows when a label arrived, and all of them are there
    arrived = None if time is None else frame.loc[known, time] + label.arrives_after
    return pa.table(
        {
            **_named(product, frame[known]),
            "label": pa.array(found[known], kind, from_pandas=True),
            "available_at": pa.nulls(int(known.sum()), _TIME)
            if arrived is None
            else pa.array(arrived, _TIME, from_pandas=True),
        }
    )


def _named(product: Product, frame: pd.DataFrame) -> dict[str, pa.Array]:
    """Return the columns that name an event: its key, and its time if it has one."""
    columns: dict[str, pa.Array] = {}
    features = product.spec.features
    for name in features.key:
        # a key that is a category as well is text in features, and has to be in labels
        is_text = name in (*features.categorical, *features.sensitive)
        whole = pd.api.types.is_integer_dtype(frame[name]) and not is_text
        columns[name] = (
            pa.array(frame[name], pa.int64(), from_pandas=True)
            if whole
            else pa.array(words(frame[name]), pa.string(), from_pandas=True)
        )
    if features.event_time is not None:
        name = features.event_time
        columns[name] = pa.array(frame[name], _TIME, from_pandas=True)
    return columns


def _tables(prepared: Prepared | None) -> dict[str, pa.Table]:
    if prepared is None:
        return {"features": pa.table({}), "labels": pa.table({})}
    return {"features": prepared.features, "labels": prepared.labels}


def _where(product: Product, partition: Partition) -> str:
    return f"{product.name}, partition {partition}"
