"""What the monitor reads of the lake while it looks at a partition.

Of a window that fits into memory every row, and each once. Of a larger one all rows are counted
batch by batch, and those that are looked at together are a sample by key, the same of every table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import FEATURES, LABELS, PARTITION, PREDICTIONS
from mlfactory.lake.due import landings_of
from mlfactory.lake.known import count_labelled
from mlfactory.lake.labels import known_among, label_columns
from mlfactory.lake.manifests import read_manifests
from mlfactory.lake.sampling import Sample, event_key, share_of
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import vouched_batches, vouched_rows
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

MOST = 2_000_000
"""Rows of a window that are looked at together: more tell no more of a model than their days do."""

DRAWN = 200_000
"""Rows of a larger window whose features are drawn."""


class Tables:
    """The rows of a product's tables, partition by partition as they are asked for.

    A window that reaches further back reads only the partitions that it adds. Of those that another
    run is replacing there are no rows; that of `about` itself is an error, see `vouched_rows`. So
    is damage to it, to others that are measured and to their labels; of what else a window
    reaches there are no rows then either: a month of them would not be looked at for one.
    """

    def __init__(
        self,
        product: Product,
        about: Partition | None = None,
        measured: Iterable[Partition] = (),
    ) -> None:
        self._product = product
        self._required = (about.key,) if about else ()
        self._whole = {*self._required, *(slot.key for slot in measured)}
        self._lake = Lake(product.name)
        self._read: dict[str, tuple[set[str], pd.DataFrame]] = {}
        self._sampled: dict[str, tuple[object, pd.DataFrame]] = {}
        self._columns: list[str] | None = None
        self._samples: dict[tuple[str, ...], Sample] = {}

    def rows(self, slots: Iterable[Partition]) -> int:
        """Return how many rows of features the runs that prepared some partitions left."""
        keys = [slot.key for slot in slots]
        made = read_manifests(self._product.name, "prepare", keys)
        return sum(int(one.get("written", {}).get(FEATURES, 0)) for one in made.values())

    def sample(self, slots: Iterable[Partition]) -> Sample:
        """Return which rows of a window are looked at together: all, or about `MOST` of them."""
        slots = list(slots)
        keys = tuple(slot.key for slot in slots)
        if keys not in self._samples:
            self._samples[keys] = self._chosen(keys, share_of(self.rows(slots), MOST))
        return self._samples[keys]

    def features(self, slots: Iterable[Partition]) -> pd.DataFrame:
        """Return the columns of the spec that the table `features` has, and the partition.

        Of a window that is sampled no more rows than are drawn.
        """
        slots = list(slots)
        keys, columns = [slot.key for slot in slots], self._feature_columns()
        if self.sample(slots).whole:
            return self._rows(FEATURES, keys, columns)
        drawn = Sample(share_of(self.rows(slots), DRAWN), self._event)
        return self._some(FEATURES, keys, columns, drawn)

    def traits(self, slots: Iterable[Partition]) -> pd.DataFrame:
        """Return key, sensitive columns and group of the rows that are looked at together."""
        slots, features = list(slots), self._product.spec.features
        sample = self.sample(slots)
        if sample.whole:
            return self.features(slots)
        group = [features.group] if features.group else []
        wanted = {*self._event, *features.sensitive, *group, PARTITION}
        columns = [name for name in self._feature_columns() if name in wanted]
        return self._some(FEATURES, [slot.key for slot in slots], columns, sample)

    def predictions(self, slots: Iterable[Partition]) -> pd.DataFrame:
        """Return all columns of the table `predictions`, of the rows that are looked at."""
        slots = list(slots)
        return self._any(PREDICTIONS, [slot.key for slot in slots], None, self.sample(slots))

    def labels(self, slots: Iterable[Partition], as_of: datetime) -> pd.DataFrame:
        """Return the labels of the events of some partitions, see `lake.labels.known_labels`."""
        slots = list(slots)
        keys, columns = [slot.key for slot in slots], label_columns(self._product)
        landings = landings_of(self._product, keys)
        rows = self._any(LABELS, landings, columns, self.sample(slots))
        return known_among(self._product, rows, keys, as_of)

    def all_features(
        self, slots: Sequence[Partition], names: Iterable[str]
    ) -> Iterator[pd.DataFrame]:
        """Yield every row of some partitions in one frame or several, with some of the columns."""
        if self.sample(slots).whole:
            yield self.features(slots)
            return
        time = self._product.spec.features.event_time
        columns = list(dict.fromkeys([*names, *([time] if time else [])]))
        for batch in self._batches(FEATURES, [slot.key for slot in slots], columns):
            yield batch.to_pandas()

    def all_predictions(self, slots: Sequence[Partition]) -> Iterator[pd.DataFrame]:
        """Yield every prediction for some partitions, in one frame or several."""
        if self.sample(slots).whole:
            yield self.predictions(slots)
            return
        for batch in self._batches(PREDICTIONS, [slot.key for slot in slots], None):
            yield batch.to_pandas()

    def coverage(
        self, slot: Partition, role: str, version: str, as_of: datetime
    ) -> tuple[int, int]:
        """Return how many predictions a model made for a partition, and of how many of them the
        label was known at a moment: counted, whatever sample is looked at.
        """
        columns = [*self._event, "role", "model_version"]

        def made() -> Iterator[pa.Table]:
            for batch in self._batches(PREDICTIONS, [slot.key], columns):
                yield batch.filter(
                    (pc.field("role") == role) & (pc.field("model_version") == version)
                )

        return count_labelled(self._product, slot, as_of, made)

    @property
    def _event(self) -> tuple[str, ...]:
        features = self._product.spec.features
        return event_key(features.key, features.event_time)

    def _feature_columns(self) -> list[str]:
        if self._columns is None:
            there = self._lake.columns(FEATURES)
            self._columns = [name for name in self._product.spec.features.columns if name in there]
        return [*self._columns, PARTITION]

    def _chosen(self, keys: Sequence[str], share: float) -> Sample:
        group = self._product.spec.features.group
        sample = Sample(share, self._event, group)
        if sample.whole or group is None or group in self._event:
            return sample
        # predictions and labels do not have the group: they follow the features
        named = self._batches(FEATURES, keys, [*self._event, group])
        return Sample(share, self._event, group, sample.keys_of(named))

    def _any(
        self, table: str, keys: Sequence[str], columns: list[str] | None, sample: Sample
    ) -> pd.DataFrame:
        if sample.whole:
            return self._rows(table, keys, columns)
        return self._some(table, keys, columns, sample)

    def _some(
        self, table: str, keys: Sequence[str], columns: list[str] | None, sample: Sample
    ) -> pd.DataFrame:
        """Return the rows of a sample, partition after partition; the last ones are kept."""
        asked = (tuple(keys), tuple(columns or ()), sample.share)
        known, rows = self._sampled.get(table, (None, None))
        if known == asked and rows is not None:
            return rows
        parts = [sample.of(batch) for batch in self._batches(table, keys, columns)]
        if not parts:
            return vouched_rows(self._product.name, table, [], columns=columns)
        found: pd.DataFrame = pa.concat_tables(parts).to_pandas()
        found = found.sort_values(PARTITION, kind="stable", ignore_index=True)
        self._sampled[table] = asked, found
        return found

    def _batches(
        self, table: str, keys: Sequence[str], columns: list[str] | None
    ) -> Iterator[pa.Table]:
        return vouched_batches(
            self._product.name,
            table,
            sorted(set(keys)),
            columns=columns,
            required=self._required,
            spared=self._spared(table, keys),
        )

    def _rows(self, table: str, keys: Sequence[str], columns: list[str] | None) -> pd.DataFrame:
        """Return the rows of some partitions, partition after partition."""
        known, held = self._read.get(table, (set(), None))
        missing = sorted(set(keys) - known)
        if missing or held is None:
            found = vouched_rows(
                self._product.name,
                table,
                missing,
                columns=columns,
                required=self._required,
                spared=self._spared(table, missing),
            )
            parts = [part for part in (held, found) if part is not None and len(part)]
            held = pd.concat(parts) if parts else found
            held = held.sort_values(PARTITION, kind="stable", ignore_index=True)
            self._read[table] = known | set(missing), held
        return held[held[PARTITION].isin(set(keys))].reset_index(drop=True)

    def _spared(self, table: str, keys: Iterable[str]) -> set[str]:
        whole = self._whole
        if table == LABELS:
            whole = whole.union(landings_of(self._product, sorted(whole)))
        return set(keys) - whole
