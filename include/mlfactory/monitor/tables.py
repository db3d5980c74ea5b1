"""What the monitor reads of the lake while it looks at a partition.

Of a window that fits into memory every row, and each once: of features none that was counted
before, see `features`. Of a larger window all rows are counted batch by batch. Of its labels those
are looked at that are in a sample by event, or all where they are few, and of the other tables the
rows that they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import FEATURES, LABELS, PARTITION, PREDICTIONS
from mlfactory.lake.due import landings_of
from mlfactory.lake.known import count_known, count_labelled
from mlfactory.lake.labels import judged_by, judged_rows, known_among, label_columns, told_among
from mlfactory.lake.manifests import read_manifests
from mlfactory.lake.sampling import Among, Sample, event_key, share_of
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import vouched_batches, vouched_counts, vouched_rows
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

MOST = 2_000_000
"""Rows of a window that are looked at together, and of a larger one labels: more tell no more of a
model than their days do."""

DRAWN = 200_000
"""Rows of a larger window whose features are drawn."""

_TRAITS = "traits"


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
        self._drawn: dict[str, tuple[object, pd.DataFrame]] = {}
        self._columns: list[str] | None = None
        self._rows_of: dict[tuple[str, ...], int] = {}
        self._counted: dict[tuple[object, ...], tuple[int, int]] = {}
        self._standing: dict[str, int | None] = {}

    def rows(self, slots: Iterable[Partition]) -> int:
        """Return how many rows of features the runs that prepared some partitions left."""
        keys = tuple(slot.key for slot in slots)
        if keys not in self._rows_of:
            made = read_manifests(self._product.name, "prepare", keys)
            written = (one.get("written", {}).get(FEATURES, 0) for one in made.values())
            self._rows_of[keys] = sum(map(int, written))
        return self._rows_of[keys]

    def standing(self, slots: Iterable[Partition]) -> dict[str, int]:
        """Return how many rows of features there are to be read of each partition, by its key.

        None is read for it. Partitions are left out of which the tables return no rows, though
        they may have some, or it raises as they do.
        """
        keys = [slot.key for slot in slots]
        unknown = sorted({*keys} - self._standing.keys())
        if unknown:
            found = vouched_counts(
                self._product.name,
                FEATURES,
                unknown,
                required=self._required,
                spared=self._spared(FEATURES, unknown),
            )
            self._standing |= {key: found.get(key) for key in unknown}
        return {key: rows for key in keys if (rows := self._standing[key]) is not None}

    def whole(self, slots: Iterable[Partition]) -> bool:
        """Tell whether every row of a window is looked at, and none merely counted."""
        return self.rows(slots) <= MOST

    def features(self, slots: Iterable[Partition]) -> pd.DataFrame:
        """Return the columns of the spec that the table `features` has, and the partition.

        Of a window that is not looked at whole no more rows than are drawn.
        """
        slots = list(slots)
        return self._all_or_drawn(FEATURES, slots, self.feature_columns())

    def predictions(self, slots: Iterable[Partition]) -> pd.DataFrame:
        """Return all columns of the table `predictions`, of as many rows as `features` does."""
        return self._all_or_drawn(PREDICTIONS, list(slots), None)

    def answered(self, slots: Sequence[Partition], known: pd.DataFrame) -> pd.DataFrame:
        """Return predictions for a window: all of one that is whole, of others those with a label.

        Args:
            known: labels of the window.
        """
        if self.whole(slots):
            return self.predictions(slots)
        return self._those(PREDICTIONS, slots, None, self._about(known).of)

    def counted(self, slots: Sequence[Partition]) -> dict[tuple[str, str], int]:
        """Return how many predictions for some partitions there are of which role and version."""
        found: dict[tuple[str, str], int] = {}
        on = ["role", "model_version"]
        for batch in self._batches(PREDICTIONS, [slot.key for slot in slots], on):
            of_batch = batch.group_by(on, use_threads=False).aggregate([([], "count_all")])
            for one in of_batch.to_pylist():
                named = str(one["role"]), str(one["model_version"])
                found[named] = found.get(named, 0) + int(one["count_all"])
        return found

    def traits(self, slots: Sequence[Partition], rows: pd.DataFrame) -> pd.DataFrame:
        """Return key, sensitive columns and group of the features that some rows are about."""
        features = self._product.spec.features
        if self.whole(slots) and FEATURES in self._read:
            # of which all columns were read, so that only other partitions are
            return self.features(slots)
        group = [features.group] if features.group else []
        wanted = {*features.key, *features.sensitive, *group, PARTITION}
        columns = [name for name in self.feature_columns() if name in wanted]
        if self.whole(slots):
            return self._rows(FEATURES, [slot.key for slot in slots], columns, held_as=_TRAITS)
        return self._those(FEATURES, slots, columns, self._about(rows).of)

    def labels(self, slots: Iterable[Partition], as_of: datetime) -> pd.DataFrame:
        """Return the labels of the events of some partitions, see `lake.labels.known_labels`.

        They are those that a model may be judged by, see `lake.labels.judged_by`.
        """
        slots = list(slots)
        keys, columns = [slot.key for slot in slots], label_columns(self._product)
        landings = landings_of(self._product, keys, as_of)
        if self.whole(slots):
            rows = judged_rows(self._product, self._rows(LABELS, landings, columns))
            return known_among(self._product, rows, keys, as_of)
        sample = Sample(self.share(slots, as_of), self._event, "monitor")
        batches = map(partial(judged_by, self._product), self._batches(LABELS, landings, columns))
        chosen = [sample.of(told_among(self._product, one, as_of)) for one in batches]
        rows = self._together(LABELS, columns, chosen)
        return known_among(self._product, rows, keys, as_of)

    def share(self, slots: Sequence[Partition], as_of: datetime) -> float:
        """Return of which share of a window's labels, known at a moment, `labels` returns."""
        if self.whole(slots):
            return 1.0
        keys = [slot.key for slot in slots]
        landings = landings_of(self._product, keys, as_of)
        made = read_manifests(self._product.name, "prepare", landings)
        written = (int(one.get("written", {}).get(LABELS, 0)) for one in made.values())
        if sum(written) <= MOST:
            return 1.0
        return share_of(sum(self._known(slot, as_of) for slot in slots), MOST)

    def all_features(
        self,
        slots: Sequence[Partition],
        names: Iterable[str],
        window: Sequence[Partition] = (),
    ) -> Iterator[pd.DataFrame]:
        """Yield every row of some partitions in one frame or several, with some of the columns.

        Args:
            window: of which the partitions are taken one by one: none is held where all of it
                could not be.
        """
        if self.whole(window or slots):
            yield self.features(slots)
            return
        time = self._product.spec.features.event_time
        columns = list(dict.fromkeys([*names, *([time] if time else [])]))
        for batch in self._batches(FEATURES, [slot.key for slot in slots], columns):
            yield batch.to_pandas()

    def all_predictions(self, slots: Sequence[Partition]) -> Iterator[pd.DataFrame]:
        """Yield every prediction for some partitions, in one frame or several."""
        if self.whole(slots):
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
        asked = (slot.key, role, version, as_of)
        if asked not in self._counted:
            self._counted[asked] = self._labelled(slot, role, version, as_of)
        return self._counted[asked]

    def _labelled(
        self, slot: Partition, role: str, version: str, as_of: datetime
    ) -> tuple[int, int]:
        columns = [*self._event, "role", "model_version"]

        def made() -> Iterator[pa.Table]:
            for batch in self._batches(PREDICTIONS, [slot.key], columns):
                yield batch.filter(
                    (pc.field("role") == role) & (pc.field("model_version") == version)
                )

        return count_labelled(self._product, slot, as_of, made, spared=self._spared_of(slot, as_of))

    def _known(self, slot: Partition, as_of: datetime) -> int:
        asked = (slot.key, as_of)
        if asked not in self._counted:
            rows = count_known(self._product, slot, as_of, spared=self._spared_of(slot, as_of))
            self._counted[asked] = rows, rows
        return self._counted[asked][0]

    def _spared_of(self, slot: Partition, as_of: datetime) -> set[str]:
        return self._spared(LABELS, landings_of(self._product, [slot.key], as_of))

    @property
    def _event(self) -> tuple[str, ...]:
        features = self._product.spec.features
        return event_key(features.key, features.event_time)

    def feature_columns(self) -> list[str]:
        """Return the columns of the spec that the table `features` has, and the partition."""
        if self._columns is None:
            there = self._lake.columns(FEATURES)
            self._columns = [name for name in self._product.spec.features.columns if name in there]
        return [*self._columns, PARTITION]

    def _about(self, rows: pd.DataFrame) -> Among:
        return Among(rows, [PARTITION, *self._product.spec.features.key])

    def _all_or_drawn(
        self, table: str, slots: Sequence[Partition], columns: list[str] | None
    ) -> pd.DataFrame:
        """Return the rows of a window, or some of them; those that were drawn last are kept."""
        if self.whole(slots):
            return self._rows(table, [slot.key for slot in slots], columns)
        asked = tuple(slot.key for slot in slots)
        known, rows = self._drawn.get(table, (None, None))
        if known == asked and rows is not None:
            return rows
        sample = Sample(share_of(self.rows(slots), DRAWN), self._event, "monitor")
        self._drawn[table] = asked, self._those(table, slots, columns, sample.of)
        return self._drawn[table][1]

    def _those(
        self,
        table: str,
        slots: Sequence[Partition],
        columns: list[str] | None,
        of: Callable[[pa.Table], pa.Table],
    ) -> pd.DataFrame:
        """Return some rows of every batch, partition after partition."""
        keys = [slot.key for slot in slots]
        chosen = [of(batch) for batch in self._batches(table, keys, columns)]
        found = self._together(table, columns, chosen)
        return found.sort_values(PARTITION, kind="stable", ignore_index=True)

    def _together(
        self, table: str, columns: list[str] | None, parts: Sequence[pa.Table]
    ) -> pd.DataFrame:
        """Return the rows of batches; a table that nobody has written yet has none."""
        if not parts:
            return vouched_rows(self._product.name, table, [], columns=columns)
        found: pd.DataFrame = pa.concat_tables(parts).to_pandas()
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

    def _rows(
        self,
        table: str,
        keys: Sequence[str],
        columns: list[str] | None,
        *,
        held_as: str | None = None,
    ) -> pd.DataFrame:
        """Return the rows of some partitions, partition after partition.

        Args:
            held_as: of other columns than others ask of the table, the name they are held by.
        """
        held_as = held_as or table
        known, held = self._read.get(held_as, (set(), None))
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
            self._read[held_as] = known | set(missing), held
        return held[held[PARTITION].isin(set(keys))].reset_index(drop=True)

    def _spared(self, table: str, keys: Iterable[str]) -> set[str]:
        whole = self._whole
        if table == LABELS and whole:
            until = max(map(self._product.calendar.parse, whole)).end
            whole = whole.union(landings_of(self._product, sorted(whole), until))
        return set(keys) - whole
