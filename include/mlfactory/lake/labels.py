"""Labels as they were known at a moment: the one way in which every stage reads them.

A label lies in the partition in which it landed. That is its event's own, or, for a label that can
only be told from later rows (the value in 24 hours), the one in which it fell due; or, for one that
comes from a source of labels, the one in which it was told. Its event is found by key and event
time. Of the labels of an event that were known, the newest landing's counts; of those that were
told, what `settled` says.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.answers import RANDOM
from mlfactory.lake.catalog import (
    AVAILABLE_AT,
    DRAWN,
    LABEL,
    LABELS,
    PARTITION,
    TOLD_AS,
    TOLD_BY,
)
from mlfactory.lake.due import landings_of
from mlfactory.lake.sampling import Sample, fits, read_those
from mlfactory.lake.settled import PEOPLE, settle
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import vouched_rows
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Calendar

_LANDED = "__landed"


def known_labels(
    product: Product,
    keys: Sequence[str],
    as_of: datetime,
    version: int | None = None,
    *,
    left_out: Collection[str] = (),
    sample: Sample | None = None,
) -> pd.DataFrame:
    """Return the labels of the events of some partitions, as they were known at `as_of`.

    Args:
        keys: of the partitions in which the events happened.
        as_of: a moment in UTC; of a snapshot, whose labels have no time, all are known.
        version: of the table `labels`; by default the newest, of which those labels count that a
            completed run left.
        left_out: partitions whose landings do not count.
        sample: of a version, the events that are looked at; all of them by default.

    Returns:
        The key columns and the event time, `label`, `available_at` and `partition` (the event's),
        one row an event, partition after partition; of labels that are told also who told them
        and why the row was drawn, see `judged`. `available_at` is since when the label is this one.
    """
    landings = [key for key in landings_of(product, keys, as_of) if key not in left_out]
    columns = label_columns(product)
    if version is None:
        found = vouched_rows(product.name, LABELS, landings, columns=columns)
    else:
        found = _of_version(product, landings, columns, as_of, version, sample)
    return known_among(product, found, keys, as_of)


def label_columns(product: Product) -> list[str]:
    """Return the columns of the table `labels` that tell which label of an event counts."""
    told = [TOLD_BY, TOLD_AS, DRAWN] if product.spec.label.is_told else []
    return [*_columns(product), *told]


def _columns(product: Product) -> list[str]:
    features = product.spec.features
    named = [*features.key, *([features.event_time] if features.event_time else [])]
    return list(dict.fromkeys([*named, LABEL, AVAILABLE_AT, PARTITION]))


def known_among(
    product: Product, found: pd.DataFrame, keys: Sequence[str], as_of: datetime
) -> pd.DataFrame:
    """Return what `known_labels` does, of rows that were read already.

    Args:
        found: the rows of the table `labels` that lie in the `landings_of` `keys`, or more.
    """
    features = product.spec.features
    known = found[LABEL].notna()
    if product.calendar.is_snapshot or features.event_time is None:
        return found[known & found[PARTITION].isin(set(keys))].reset_index(drop=True)
    since = found[AVAILABLE_AT]
    # one that is told at the very end of a partition lands in the next
    known &= since < as_of if product.spec.label.is_told else since <= as_of
    found = found[known]
    if found.empty:
        return found[label_columns(product)].reset_index(drop=True)
    found = found.rename(columns={PARTITION: _LANDED})
    found[PARTITION] = event_partitions(product.calendar, found[features.event_time])
    found = found[found[PARTITION].isin(set(keys))]
    event = [PARTITION, *features.key]
    if product.spec.label.is_told:
        found = settle(found.reset_index(drop=True), event, product.spec.label.kind).rows
    else:
        # rows come landing after landing, and keys sort as times do
        found = found.drop_duplicates(event, keep="last")
    found = found.sort_values(PARTITION, kind="stable", ignore_index=True)
    return found[label_columns(product)]


def judged_by(product: Product, rows: pa.Table) -> pa.Table:
    """Return those rows of the table `labels` that a model may be judged by.

    What people answered about rows that were chosen for what a model said of them is learned from;
    a model that is judged by it looks worse than it is, or better.
    """
    if not product.spec.label.is_told:
        return rows
    of_people = pc.equal(rows[TOLD_AS], PEOPLE)
    return rows.filter(pc.or_kleene(pc.invert(of_people), pc.equal(rows[DRAWN], RANDOM)))


def judged_rows(product: Product, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what `judged_by` does, of rows in a frame."""
    return rows[judged(product, rows)]


def judged(product: Product, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell of each label in a frame whether a model may be judged by it, see `judged_by`."""
    if not product.spec.label.is_told:
        return np.ones(len(rows), dtype=np.bool_)
    return np.asarray((rows[TOLD_AS] != PEOPLE) | (rows[DRAWN] == RANDOM), dtype=np.bool_)


def told_among(product: Product, rows: pa.Table, as_of: datetime) -> pa.Table:
    """Return those rows of the table `labels` that have a label which was known at a moment."""
    told = pc.invert(pc.is_null(rows[LABEL], nan_is_null=True))
    if not product.calendar.is_snapshot and product.spec.features.event_time is not None:
        moment = pa.scalar(as_of, rows[AVAILABLE_AT].type)
        known = pc.less if product.spec.label.is_told else pc.less_equal
        told = pc.and_(told, known(rows[AVAILABLE_AT], moment))
    return rows.filter(told)


def _of_version(
    product: Product,
    landings: Sequence[str],
    columns: Sequence[str],
    as_of: datetime,
    version: int,
    sample: Sample | None,
) -> pd.DataFrame:
    lake, whole = Lake(product.name), sample is None or sample.whole
    if whole and fits(lake, LABELS, landings, version):
        return lake.read(LABELS, landings, columns=columns, version=version)

    def chosen(batch: pa.Table) -> pa.Table:
        told = told_among(product, batch, as_of)
        return told if sample is None else sample.of(told)

    return read_those(lake, LABELS, landings, columns, version, chosen)


def event_partitions(calendar: Calendar, times: pd.Series) -> pd.Series:
    """Return the key of the partition that each of some times (UTC) lies in."""
    hours = times.dt.floor("h")
    keys = {hour: calendar.containing(hour.to_pydatetime()).key for hour in hours.unique()}
    found: pd.Series = hours.map(keys).astype("str")
    return found
