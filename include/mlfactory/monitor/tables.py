"""What the monitor reads of the lake while it looks at a partition: every row once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import pandas as pd

from mlfactory.lake.catalog import FEATURES, LABELS, PARTITION, PREDICTIONS
from mlfactory.lake.due import landings_of
from mlfactory.lake.labels import known_among, label_columns
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import vouched_rows
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


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
        self._columns: list[str] | None = None

    def features(self, slots: Iterable[Partition]) -> pd.DataFrame:
        """Return the columns of the spec that the table `features` has, and the partition."""
        if self._columns is None:
            there = self._lake.columns(FEATURES)
            self._columns = [name for name in self._product.spec.features.columns if name in there]
        return self._rows(FEATURES, [slot.key for slot in slots], [*self._columns, PARTITION])

    def predictions(self, slots: Iterable[Partition]) -> pd.DataFrame:
        """Return all columns of the table `predictions`."""
        return self._rows(PREDICTIONS, [slot.key for slot in slots], None)

    def labels(self, slots: Iterable[Partition], as_of: datetime) -> pd.DataFrame:
        """Return the labels of the events of some partitions, see `lake.labels.known_labels`."""
        keys = [slot.key for slot in slots]
        rows = self._rows(LABELS, landings_of(self._product, keys), label_columns(self._product))
        return known_among(self._product, rows, keys, as_of)

    def _rows(self, table: str, keys: Sequence[str], columns: list[str] | None) -> pd.DataFrame:
        """Return the rows of some partitions, partition after partition."""
        known, held = self._read.get(table, (set(), None))
        missing = sorted(set(keys) - known)
        if missing or held is None:
            whole = self._whole
            if table == LABELS:
                whole = whole.union(landings_of(self._product, sorted(whole)))
            found = vouched_rows(
                self._product.name,
                table,
                missing,
                columns=columns,
                required=self._required,
                spared=set(missing) - whole,
            )
            parts = [part for part in (held, found) if part is not None and len(part)]
            held = pd.concat(parts) if parts else found
            held = held.sort_values(PARTITION, kind="stable", ignore_index=True)
            self._read[table] = known | set(missing), held
        return held[held[PARTITION].isin(set(keys))].reset_index(drop=True)
