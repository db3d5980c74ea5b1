"""Labels that come from a source: what was told within a partition, each with the event it is of.

They land in the partition in which they were told, whatever partition their event is of, and are
never taken away: what stands there stays, and what is new is added. So a label that was corrected
at its source, in the same row, is still known as it was to whoever looks at a moment before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import (
    AVAILABLE_AT,
    DRAWN,
    FEATURES,
    LABEL,
    LABELS,
    PARTITION,
    TOLD_AS,
    TOLD_BY,
    WEIGHT,
)
from mlfactory.lake.kinds import as_float, times, words
from mlfactory.lake.labels import event_partitions
from mlfactory.lake.row_batches import accepted_batches
from mlfactory.lake.rows import Standing
from mlfactory.lake.sampling import Among
from mlfactory.lake.settled import PEOPLE, settle
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import vouched_batches
from mlfactory.prepare.answered import answered
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)

_TIME = pa.timestamp("us", "UTC")
_LOOKED_THROUGH = 32
"""Partitions of events that are looked through at a time."""

_WHY = {
    "without_value": "have no label",
    "not_a_label": "have a label that is none of its kind",
    "without_key": "lack a part of the key",
    "without_event_time": "have no event time that can be read",
    "of_later_events": "are of events of a later partition",
    "of_no_event": "are of no event that is there",
}


@dataclass(frozen=True)
class Told:
    """Labels that were told within a partition.

    Attributes:
        rows: of the table `labels`; those of which the event is known.
        left_out: how many rows of the source are not among them, by why.
        contradicted: events of which two different labels were told at one moment.
        events: how many events of each partition they are of.
        answers: how many times people answered.
    """

    rows: pa.Table
    left_out: dict[str, int] = field(default_factory=dict)
    contradicted: int = 0
    events: dict[str, int] = field(default_factory=dict)
    answers: int = 0


def read_told(product: Product, own: Standing) -> pd.DataFrame:
    """Return what validation let through of the labels' source, in the columns of the labels.

    Rows that lack what a label needs are there as well; `matched` leaves them out and counts them.

    Raises:
        ContractError: if the source has no column that the spec names.
        ServiceError: if it is being landed or validated anew.
    """
    told, features = product.spec.label.source, product.spec.features
    if told is None or not own.landed(told.source).rows:
        return pd.DataFrame()
    source = product.spec.sources[told.source]
    needs = product.spec.label.needs(features.key, features.event_time)
    columns = [*dict.fromkeys(needs.values()), str(source.event_time)]
    batches = accepted_batches(product, told.source, [own], columns=list(dict.fromkeys(columns)))
    given = pa.concat_tables(batches).to_pandas()
    found = {
        name: given[needs[place]] for name in features.key if (place := f"key.{name}") in needs
    }
    if told.event_time is not None and features.event_time is not None:
        spelling = source.formats.get(told.event_time)
        found[features.event_time] = times(given[told.event_time], spelling)
    return pd.DataFrame(
        {
            **found,
            LABEL: given[needs["value"]],
            AVAILABLE_AT: times(given[str(source.event_time)]),
            TOLD_BY: words(given[told.by]) if told.by else None,
            TOLD_AS: product.spec.label.told_as,
            DRAWN: None,
            WEIGHT: np.nan,
        }
    )


def matched(product: Product, partition: Partition, given: pd.DataFrame) -> Told:
    """Return the labels that were told within a partition, beside those that stand there.

    These are those of the source and those of people.

    Events are looked up in the table `features`, where the partition's own have to stand already.

    Args:
        given: as `read_told` returns it.
    """
    sieve = _Sieve(given)
    if len(given):
        _keep_labels(product, sieve)
        _keep_events(product, partition, sieve)
    answers, given_by_people = answered(product, partition)
    parts = [part for part in (sieve.rows, given_by_people) if len(part)]
    schema = _schema(product, parts[0] if parts else pd.DataFrame())
    tables = [
        pa.Table.from_pandas(part[schema.names], schema, preserve_index=False) for part in parts
    ]
    rows = pa.concat_tables([schema.empty_table(), *tables])
    rows = _beside_what_stands(product, partition, rows)
    told = replace(_counted(product, rows, sieve.left_out), answers=answers)
    _tell(product, partition, told)
    return told


@dataclass
class _Sieve:
    """Rows of which some are left out, and counted by why."""

    rows: pd.DataFrame
    left_out: dict[str, int] = field(default_factory=dict)

    def keep(self, fits: pd.Series, why: str) -> None:
        """Keep the rows that fit, and count the others."""
        chosen = fits.fillna(False).to_numpy(dtype=bool)
        if not chosen.all():
            self.left_out[why] = int((~chosen).sum())
            self.rows = self.rows[chosen]


def _keep_labels(product: Product, sieve: _Sieve) -> None:
    """Keep the rows that have a label of its kind, and type it."""
    kind = product.spec.label.kind
    sieve.keep(sieve.rows[LABEL].notna(), "without_value")
    values = sieve.rows[LABEL]
    if kind == "multiclass":
        sieve.rows = sieve.rows.assign(**{LABEL: words(values)})
        return
    found = as_float(values)
    sieve.rows = sieve.rows.assign(**{LABEL: found})
    sieve.keep(found.isin([0.0, 1.0]) if kind == "binary" else np.isfinite(found), "not_a_label")


def _keep_events(product: Product, partition: Partition, sieve: _Sieve) -> None:
    """Keep the rows of which the event is known, with its time."""
    features, standing = product.spec.features, Lake(product.name).columns(FEATURES)
    time = str(features.event_time)
    for name in features.key:
        if name == time:
            continue
        values = sieve.rows[name]
        is_whole = pd.api.types.is_integer_dtype(values)
        if name in standing:
            is_whole = pa.types.is_integer(standing[name])
        found = _whole(values) if is_whole else words(values)
        sieve.rows = sieve.rows.assign(**{name: found})
        sieve.keep(found.notna(), "without_key")
    if time not in sieve.rows:
        found = _looked_up(product, partition, sieve.rows)
        sieve.rows = sieve.rows.assign(**{time: found})
        sieve.keep(found.notna(), "of_no_event")
    sieve.keep(sieve.rows[time].notna(), "without_event_time")
    sieve.keep(sieve.rows[time] < partition.end, "of_later_events")


def _whole(values: pd.Series) -> pd.Series:
    """Return a column as whole numbers, null where it is none."""
    if pd.api.types.is_integer_dtype(values):
        return values.astype("Int64")
    found = pd.to_numeric(values.astype(object), errors="coerce")
    return found.where(found % 1 == 0).astype("Int64")


def _looked_up(product: Product, partition: Partition, rows: pd.DataFrame) -> pd.Series:
    """Return the time of the newest event of each row's key, null where there is none."""
    features, lake = product.spec.features, Lake(product.name)
    key, time = list(features.key), str(features.event_time)
    within = product.spec.label.source.within if product.spec.label.source else timedelta(0)
    oldest = product.calendar.containing(partition.start - within).key
    there = [one for one in lake.partitions(FEATURES) if oldest <= one <= partition.key]
    wanted = rows[key].drop_duplicates()
    found = pd.DataFrame(columns=[*key, time])
    while there and len(found) < len(wanted):
        chosen, there = there[-_LOOKED_THROUGH:], there[:-_LOOKED_THROUGH]
        among = Among(wanted, key)
        new = [among.of(batch) for batch in _events_of(product, chosen, partition.key)]
        newest = pa.concat_tables(new).to_pandas() if new else found.iloc[:0]
        found = pd.concat([found, newest[[*key, time]].sort_values(time, ascending=False)])
        found = found.drop_duplicates(key)
    places = _index(found, key).get_indexer(_index(rows, key)) if len(found) else -1
    of_rows = times(found[time]).reset_index(drop=True).reindex(np.broadcast_to(places, len(rows)))
    return pd.Series(of_rows.to_numpy(), index=rows.index, dtype="datetime64[us, UTC]")


def _index(rows: pd.DataFrame, key: list[str]) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([rows[name].astype(object) for name in key])


def _events_of(product: Product, keys: list[str], own: str) -> Iterator[pa.Table]:
    """Yield key and time of the events of some partitions."""
    features = product.spec.features
    columns = list(dict.fromkeys([*features.key, str(features.event_time)]))
    others = [key for key in keys if key != own]
    yield from vouched_batches(product.name, FEATURES, others, columns=columns, spared=others)
    if own in keys:
        # of the run that is at work, which no manifest vouches for yet
        yield from Lake(product.name).batches(FEATURES, [own], columns=columns)


def _schema(product: Product, rows: pd.DataFrame) -> pa.Schema:
    """Return the columns of the table `labels`, without those that every table has."""
    features = product.spec.features
    columns = {}
    for name in features.key:
        whole = name in rows and pd.api.types.is_integer_dtype(rows[name])
        columns[name] = pa.int64() if whole else pa.string()
    columns[str(features.event_time)] = _TIME
    columns[LABEL] = pa.string() if product.spec.label.kind == "multiclass" else pa.float64()
    columns[AVAILABLE_AT] = _TIME
    columns |= dict.fromkeys((TOLD_BY, TOLD_AS, DRAWN), pa.string()) | {WEIGHT: pa.float64()}
    return pa.schema(columns)


def _beside_what_stands(product: Product, partition: Partition, rows: pa.Table) -> pa.Table:
    """Return labels with those that were there before, as long as they were read in the same way.

    A declaration that was mended lets the partition begin anew.
    """
    lake, kept = Lake(product.name), [product.spec.label.told_as, PEOPLE]
    if TOLD_AS in lake.columns(LABELS):
        there = lake.arrow(LABELS, [partition.key], columns=rows.schema.names)
        if there is not None and there.num_rows:
            there = there.filter(pc.is_in(there[TOLD_AS], pa.array(kept))).select(rows.schema.names)
            # without a new row nothing told the types of its key
            schema = rows.schema if rows.num_rows else there.schema
            rows = pa.concat_tables([there.cast(schema), rows.cast(schema)])
    frame = rows.to_pandas().drop_duplicates(ignore_index=True)
    frame = frame.sort_values([AVAILABLE_AT, *product.spec.features.key], kind="stable")
    return pa.Table.from_pandas(frame, rows.schema, preserve_index=False)


def _counted(product: Product, rows: pa.Table, left_out: dict[str, int]) -> Told:
    """Return labels with how many events of which partition they are of."""
    features, frame = product.spec.features, rows.to_pandas()
    if frame.empty:
        return Told(rows, left_out)
    of = event_partitions(product.calendar, frame[str(features.event_time)])
    frame = frame.assign(**{PARTITION: of})
    settled = settle(frame, [PARTITION, *features.key], product.spec.label.kind)
    events = settled.rows[PARTITION].value_counts().sort_index()
    return Told(
        rows,
        left_out,
        settled.contradicted,
        {str(key): int(count) for key, count in events.items()},
    )


def _tell(product: Product, partition: Partition, told: Told) -> None:
    where = f"{product.name}, partition {partition}"
    source = product.spec.label.source.source if product.spec.label.source else ""
    for why, count in told.left_out.items():
        _log.warning("%s: %d rows of %s %s: they are left out", where, count, source, _WHY[why])
    if told.contradicted:
        _log.warning(
            "%s: of %d events two different labels were told at one moment: they have none until "
            "a newer one is told",
            where,
            told.contradicted,
        )
