"""The tables that a built frame becomes: features of the partition, and labels landed in it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa

from mlfactory.lake.catalog import AVAILABLE_AT, LABEL
from mlfactory.lake.kinds import words
from mlfactory.lake.labels import event_partitions
from mlfactory.prepare.frame import check_columns, check_key, event_times, labels, numbers
from mlfactory.product.errors import BuildError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)

_TIME = pa.timestamp("us", "UTC")
FEW = 20
"""Rows below which one value in all of them is no surprise."""


@dataclass(frozen=True)
class Prepared:
    """The tables of a partition, in the order of the key.

    Attributes:
        labels: of the partition's own events, and after them of earlier ones whose label fell due
            in the partition: only now are the rows there that it is told from.
        earlier: how many of the labels are of earlier events.
        constant: the features that have one value only; told of no shard.
        built: how many rows the function returned.
        known: how many of those lie in the partition or its history.
        told: (features,) the label of each row, null where it is not known.
        told_at: when the rows began to be read that the labels are told from.
    """

    features: pa.Table
    labels: pa.Table
    earlier: int = 0
    constant: tuple[str, ...] = ()
    built: int = 0
    known: int = 0
    told: pa.Array | None = None
    told_at: datetime | None = None


def prepare(
    product: Product,
    partition: Partition,
    frame: pd.DataFrame,
    read_at: datetime,
    *,
    shard: int | None = None,
) -> Prepared:
    """Split a built frame into the features and labels of `partition`, checked and typed.

    Args:
        read_at: when the rows that it was built of began to be read.
        shard: of which the frame is, from 0; what holds of a whole partition is not asked of it.

    Raises:
        BuildError: if it is not what the product's spec promises.
    """
    spec, where = product.spec, where_of(product, partition, shard)
    is_told = spec.label.is_told
    check_columns(frame, spec, where, labelled=not is_told)
    frame = _with_keys_of_one_type(product, frame.reset_index(drop=True))
    time = spec.features.event_time
    earlier = frame.iloc[:0]
    built = known = len(frame)
    if time is not None:
        frame = frame.assign(**{time: event_times(frame, time, where)})
        known = _known(product, partition, frame[time], shard)
        frame, earlier = _split(product, partition, frame, time)
    check_key(frame, spec.features.key, where)
    frame = frame.sort_values(list(spec.features.key), kind="stable", ignore_index=True)
    features = _features(product, frame, where)
    if is_told:
        # which come from elsewhere, whenever they are told
        constant = () if shard is not None else _constant(features.select(spec.features.inputs))
        return Prepared(features, no_labels(product, features), 0, constant, built, known)
    since = _known_since(product, frame, read_at)
    found = labels(frame[spec.label.column], spec.label, where)
    own, told = _labels(product, frame, found, since), _told(product, found, since)
    # they may be told from the partition's last row
    found = labels(earlier[spec.label.column], spec.label, where)
    late = _labels(product, earlier, found, pd.Series(partition.end, index=earlier.index))
    landed = pa.concat_tables([own, late]).combine_chunks()
    if shard is not None:
        return Prepared(features, landed, late.num_rows, (), built, known, told, read_at)
    values = own.column(LABEL).unique().to_pylist()
    tell_of_labels(product, where, len(frame), own.num_rows, values)
    constant = _constant(features.select(list(spec.features.inputs)))
    return Prepared(features, landed, late.num_rows, constant, built, known, told, read_at)


def where_of(product: Product, partition: Partition, shard: int | None = None) -> str:
    """Return what every error of the stage begins with; a shard is counted from 0."""
    where = f"{product.name}, partition {partition}"
    return (
        where if shard is None else f"{where}, shard {shard + 1} of {product.spec.partition.shards}"
    )


def nothing_inside(product: Product, partition: Partition, times: str = "") -> BuildError:
    """Return the error about rows of which none lies in the partition or its history."""
    return BuildError(
        f"{where_of(product, partition)}: no event time in '{product.spec.features.event_time}' "
        f"lies in the partition{times}",
        remedy="compare features.event_time with the event_time of the sources: both are UTC",
    )


def _with_keys_of_one_type(product: Product, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with keys of whole numbers, or of text where they are anything else."""
    features = product.spec.features
    # a key that is a category as well is text in features, and has to be in labels
    as_text = {*features.categorical, *features.sensitive}
    texts = {
        name: words(frame[name])
        for name in features.key
        if name != features.event_time
        and (name in as_text or not pd.api.types.is_integer_dtype(frame[name]))
    }
    return frame.assign(**texts)


def _known(product: Product, partition: Partition, times: pd.Series, shard: int | None) -> int:
    """Return how many rows lie in the partition or its history.

    Raises:
        BuildError: if there are rows, and none does; of a shard that says nothing.
    """
    start = partition.start - product.spec.features.history
    known = int(((times >= start) & (times < partition.end)).sum())
    if len(times) and not known and shard is None:
        raise nothing_inside(product, partition, f"; they go from {times.min()} to {times.max()}")
    return known


def _split(
    product: Product, partition: Partition, frame: pd.DataFrame, column: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of the partition, and the earlier ones whose label fell due in it.

    The others are its history, and were built before.
    """
    times = frame[column]
    known = (times >= partition.start - product.spec.features.history) & (times < partition.end)
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
    due = times + product.spec.label.arrives_after
    earlier = known & ~inside & (due >= partition.start) & (due < partition.end)
    return frame[inside].reset_index(drop=True), _told_once(product, frame[earlier], column)


def _told_once(product: Product, earlier: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return earlier events without those whose key names several, in the order of their time."""
    if earlier.empty:
        return earlier.reset_index(drop=True)
    key = list(product.spec.features.key)
    named = earlier[key].assign(__of=event_partitions(product.calendar, earlier[column]))
    once = ~named.duplicated(keep=False) & earlier[key].notna().all(axis="columns")
    return earlier[once].sort_values([column, *key], kind="stable", ignore_index=True)


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


def _known_since(product: Product, frame: pd.DataFrame, read_at: datetime) -> pd.Series | None:
    """Return since when the labels of a partition's own rows are known: since they were due.

    What was read before that is provisional, and known at no moment: the partition is read again.
    None of a snapshot: nobody knows when a label of it arrived, and all of them are there.
    """
    time, delay = product.spec.features.event_time, product.spec.label.arrives_after
    if time is None:
        return None
    due: pd.Series = frame[time] + delay
    return due.where(due <= read_at) if delay else due


def no_labels(product: Product, features: pa.Table) -> pa.Table:
    """Return the table of labels without a row, of events with the given features."""
    named = [*product.spec.features.key, str(product.spec.features.event_time)]
    found = features.select(list(dict.fromkeys(named))).slice(0, 0)
    kind = pa.string() if product.spec.label.kind == "multiclass" else pa.float64()
    for name, each in ((LABEL, kind), (AVAILABLE_AT, _TIME)):
        found = found.append_column(name, pa.array([], each))
    return found


def _labels(
    product: Product, frame: pd.DataFrame, found: pd.Series, known_since: pd.Series | None
) -> pa.Table:
    """Return the labels of the rows that have one.

    Args:
        found: (rows,) the label of each row, null where it has none.
        known_since: the moment from which each row's is known; NaT if at none so far.
    """
    known = found.notna()
    arrived = (
        pa.nulls(int(known.sum()), _TIME)
        if known_since is None
        else pa.array(known_since[known], _TIME, from_pandas=True)
    )
    return pa.table(
        {
            **_named(product, frame[known]),
            LABEL: pa.array(found[known], _label_type(product), from_pandas=True),
            AVAILABLE_AT: arrived,
        }
    )


def _told(product: Product, found: pd.Series, known_since: pd.Series | None) -> pa.Array:
    """Return (rows,) the labels that are known, null where none is known yet."""
    known = found if known_since is None else found.where(known_since.notna())
    return pa.array(known, _label_type(product), from_pandas=True)


def _label_type(product: Product) -> pa.DataType:
    return pa.string() if product.spec.label.kind == "multiclass" else pa.float64()


def _named(product: Product, frame: pd.DataFrame) -> dict[str, pa.Array]:
    """Return the columns that name an event: its key, and its time if it has one."""
    columns: dict[str, pa.Array] = {}
    features = product.spec.features
    for name in features.key:
        if name == features.event_time:
            continue  # kept as the time it is, below
        kind = pa.int64() if pd.api.types.is_integer_dtype(frame[name]) else pa.string()
        columns[name] = pa.array(frame[name], kind, from_pandas=True)
    if features.event_time is not None:
        name = features.event_time
        columns[name] = pa.array(frame[name], _TIME, from_pandas=True)
    return columns


def tell_of_labels(
    product: Product, where: str, rows: int, labelled: int, values: Sequence[Any]
) -> None:
    """Warn where no row has a label, or all have the same (`values` are those that there are)."""
    name = product.spec.label.column
    if rows and not labelled:
        _log.warning("%s: none of the %d rows has a label in '%s'", where, rows, name)
    if labelled >= FEW and len(values) == 1:
        _log.warning(
            "%s: the label '%s' is constant: it is %r in all %d rows that have one. If that is "
            "wrong, compare what build asks for with what the source holds: text stays text "
            "('Yes' is not True)",
            where,
            name,
            values[0],
            labelled,
        )


def _constant(features: pa.Table) -> tuple[str, ...]:
    if features.num_rows < FEW:
        return ()
    return tuple(name for name in features.column_names if len(features.column(name).unique()) == 1)
