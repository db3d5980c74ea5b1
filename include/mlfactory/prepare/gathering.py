"""The shards of a partition made one: their rows one after another, and what holds of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mlfactory.lake.batches import Stream
from mlfactory.lake.catalog import FEATURES, LABEL, LABELS
from mlfactory.lake.hashes import row_hashes
from mlfactory.lake.labels import event_partitions
from mlfactory.prepare import staging
from mlfactory.prepare.frame import not_unique
from mlfactory.prepare.staging import Note
from mlfactory.prepare.tables import FEW, nothing_inside, tell_of_labels, where_of
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_OF = "__of"
"""Column of the partition of an event; what build returns has no such column in tables."""

_SEVERAL = 2


@dataclass
class Gathered:
    """The tables of a partition as streams; the figures hold when both have been gone through.

    Attributes:
        earlier: how many labels are of earlier events.
    """

    product: Product
    partition: Partition
    run: str
    notes: list[Note]
    earlier: int = 0
    _seen: dict[str, list[Any]] = field(default_factory=dict)
    _again: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def rows(self) -> int:
        """Return how many rows of features there are."""
        return sum(note.features for note in self.notes)

    @property
    def labelled(self) -> int:
        """Return how many of them have a label."""
        return sum(note.labels - note.earlier for note in self.notes)

    @property
    def is_empty(self) -> bool:
        """Tell whether there is neither an event nor a label."""
        return not self.rows and not any(note.labels for note in self.notes)

    @property
    def constant(self) -> tuple[str, ...]:
        """Return the features that have one value in all rows."""
        if self.rows < FEW:
            return ()
        inputs = self.product.spec.features.inputs
        return tuple(name for name in inputs if len(self._seen.get(name, [])) == 1)

    def features(self) -> Stream:
        """Return the features, shard after shard, each in the order of the key."""
        inputs = self.product.spec.features.inputs
        return Stream(self._schema(FEATURES), self._noted(self._each(FEATURES), inputs))

    def labels(self) -> Stream:
        """Return the labels of the partition's own events, and after them of earlier ones."""
        own = self._noted(self._each(LABELS, _own), [LABEL])
        return Stream(self._schema(LABELS), chain(own, self._told_once()))

    def tell(self) -> None:
        """Warn of labels that look wrong."""
        where = where_of(self.product, self.partition)
        values = self._seen.get(LABEL, [])
        tell_of_labels(self.product, where, self.rows, self.labelled, values)

    def refuse_repeated(self) -> None:
        """Make sure that the key names each row once, in all shards.

        Raises:
            BuildError: if two rows have the same.
        """
        key = list(self.product.spec.features.key)
        repeated = _repeated(lambda: self._each(FEATURES, columns=key), key, self.rows)
        if len(repeated):
            raise not_unique(repeated, key, where_of(self.product, self.partition), self.rows)

    def refuse_told_differently(self) -> None:
        """Make sure that shards which tell the label of the same earlier event tell the same.

        Each shard may tell it, as where it is told from a register, which all of them are given.

        Raises:
            BuildError: if two do not.
        """
        event, count = self._event, sum(note.earlier for note in self.notes)
        repeated = _repeated(self._named, event, count)
        different = repeated.drop_duplicates()
        different = different[different.duplicated(event, keep=False)]
        if len(different):
            raise not_unique(
                different,
                self.product.spec.features.key,
                f"{where_of(self.product, self.partition)}, labels of earlier events",
                count,
            )
        self._again = repeated[event].drop_duplicates()

    def _told_once(self) -> Iterator[pa.Table]:
        """Yield the labels of earlier events, those that several shards tell once."""
        self.earlier = 0
        seen = self._again.iloc[:0]
        for rows in self._named():
            if len(self._again):
                events = rows.select(self._event).to_pandas()
                rows = rows.filter(pa.array(~_among(events, seen)))
                seen = pd.concat([seen, events[_among(events, self._again)]]).drop_duplicates()
            self.earlier += rows.num_rows
            yield rows.drop_columns([_OF])

    def _named(self) -> Iterator[pa.Table]:
        """Yield the labels of earlier events, a shard's or less at a time, with their partition."""
        time, calendar = str(self.product.spec.features.event_time), self.product.calendar
        if not any(note.earlier for note in self.notes):
            return
        for rows in self._each(LABELS, _earlier):
            times = rows.column(time).to_pandas()
            yield rows.append_column(_OF, pa.array(event_partitions(calendar, times)))

    @property
    def _event(self) -> list[str]:
        """Return the columns that together name an earlier event."""
        return [*self.product.spec.features.key, _OF]

    def _each(
        self,
        table: str,
        part: Callable[[Note, int], tuple[int, int]] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[pa.Table]:
        """Yield the rows of a table, shard after shard.

        Args:
            part: of a shard's rows, from where and to where, given its note and how many it has.
        """
        schema = self._schema(table)
        if columns is not None:
            schema = pa.schema([schema.field(name) for name in columns])
        for note in self.notes:
            count = note.features if table == FEATURES else note.labels
            first, end = part(note, count) if part else (0, count)
            place = 0
            for rows in staging.rows_of(self.product, self.run, note, table) if end > first else ():
                low, high = max(first - place, 0), min(end - place, rows.num_rows)
                place += rows.num_rows
                if high > low:
                    chosen = rows.slice(low, high - low).select(schema.names)
                    yield chosen.cast(schema)

    def _schema(self, table: str) -> pa.Schema:
        """Return the columns of a table; a key is text where it is that in a shard."""
        filled = [note for note in self.notes if note.features or note.labels]
        texts = {name for note in filled for name in note.texts}
        schema = next(staging.rows_of(self.product, self.run, filled[0], table)).schema
        return pa.schema(
            [each.with_type(pa.string()) if each.name in texts else each for each in schema]
        )

    def _noted(self, tables: Iterator[pa.Table], columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield tables, and remember of columns the first value and that there is another one."""
        seen: dict[str, list[Any]] = {name: [] for name in columns}
        self._seen |= seen
        for table in tables:
            for name, values in seen.items():
                if len(values) < _SEVERAL:
                    found = table.column(name).unique()[:_SEVERAL].to_pylist()
                    values.extend(each for each in found if each not in values)
            yield table


def gathered(product: Product, partition: Partition, run: str) -> Gathered:
    """Return what the shards of a run left.

    Raises:
        UsageError: if one of them is not done, or was made for something else.
        BuildError: if the rows of all of them are not what the spec promises.
        IntegrityError: if something is gone that they left.
    """
    found = Gathered(product, partition, run, staging.notes(product, partition, run))
    if any(note.built for note in found.notes) and not any(note.known for note in found.notes):
        raise nothing_inside(product, partition)
    if found.rows:
        found.refuse_repeated()
    if any(note.earlier for note in found.notes):
        found.refuse_told_differently()
    return found


def _own(note: Note, count: int) -> tuple[int, int]:
    return 0, count - note.earlier


def _earlier(note: Note, count: int) -> tuple[int, int]:
    return count - note.earlier, count


def _among(rows: pd.DataFrame, others: pd.DataFrame) -> npt.NDArray[np.bool_]:
    return pd.MultiIndex.from_frame(rows).isin(pd.MultiIndex.from_frame(others))


def _repeated(
    tables: Callable[[], Iterator[pa.Table]], columns: Sequence[str], count: int
) -> pd.DataFrame:
    """Return all rows that share the values of some columns with another row.

    A hash of 8 bytes a row finds those that may; whether they do is told by their values.

    Args:
        count: of the rows, all of whose hashes are held at once: they have their place before they
            come, for a list of them would be held again as it is joined.
    """
    names, place = list(columns), 0
    found = np.zeros(count, np.uint64)
    for rows in tables():
        found[place : place + rows.num_rows] = row_hashes(rows, names)
        place += rows.num_rows
    # where a file lacks rows that its note tells of, what was kept for them is no hash
    found = found[:place]
    found.sort()
    twice = np.unique(found[1:][found[1:] == found[:-1]])
    del found
    if not len(twice):
        return pd.DataFrame(columns=names)
    kept = []
    for rows in tables():
        chosen = np.isin(row_hashes(rows, names), twice)
        kept.append(rows.filter(pa.array(chosen)))
    frame = pa.concat_tables(kept).to_pandas()
    repeated: pd.DataFrame = frame[frame.duplicated(names, keep=False)]
    return repeated
