"""The predictions that were made over a window, with the labels known so far beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd

from mlfactory.lake.catalog import LABEL, PARTITION
from mlfactory.monitor.tables import Tables
from mlfactory.monitor.windows import performance_windows
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry.answers import Answers
from mlfactory.statistics.metrics import Outcome
from mlfactory.statistics.statistic import Ints
from mlfactory.trainings import outcomes
from mlfactory.trainings.blocks import days, entities

HELD = 3
"""Windows of samples that are held joined: each takes more than 100 MB."""


@dataclass(frozen=True, eq=False)
class Judged:
    """The predictions of one model over a window, with the labels known so far.

    What the user named and what we named lie in frames of their own, aligned by row.

    Attributes:
        since: key of the window's first partition.
        until: the moment at which the window ends.
        predictions: how many predictions there are for the newest partition of the window, with a
            label or without; likewise `labelled`.
        rows: labelled predictions of the window, as they lie in the table.
        labels: (rows,) their labels.
        traits: their sensitive columns.
        groups: (rows,) the entity of each, None if the spec names none.
        share: of the window's labels that `rows` were chosen from, by a hash of the event; the
            figures of the newest partition are counted, whatever it is.
        counted: counts the labelled predictions of the window that `rows` are a sample of.
    """

    version: str
    since: str
    until: datetime
    predictions: int
    labelled: int
    rows: pd.DataFrame
    labels: pd.Series
    traits: pd.DataFrame
    groups: Ints | None = None
    share: float = 1.0
    counted: Callable[[], int] | None = None

    @property
    def of_rows(self) -> int:
        """Return how many labelled predictions of the window there are, looked at or not."""
        return len(self.rows) if self.counted is None else self.counted()

    @property
    def coverage(self) -> float:
        """Return the share of the newest partition's predictions whose label is known."""
        return self.labelled / self.predictions if self.predictions else math.nan


class Answered:
    """The predictions of a product with their labels, each window joined once.

    Of windows that are sampled the last `HELD` are kept; an older one is read anew.
    """

    def __init__(self, product: Product, tables: Tables) -> None:
        self.product = product
        self._tables = tables
        self._joined: dict[tuple[str, str, str], dict[str, Judged]] = {}
        self._sampled: list[tuple[str, str, str]] = []

    def over(self, slots: Sequence[Partition], as_of: Partition) -> dict[str, Judged]:
        """Return the predictions made over a window, by role, with the labels known at `as_of`."""
        window = slots[0].key, slots[-1].key, as_of.key
        if window not in self._joined:
            found = _over(self.product, self._tables, slots, as_of)
            if not self._tables.whole(slots):
                self._sampled.append(window)
                for old in self._sampled[:-HELD]:
                    del self._joined[old]
                self._sampled = self._sampled[-HELD:]
            self._joined[window] = found
        return self._joined[window]


def judged(
    answered: Answered,
    about: Partition,
    as_of: Partition,
    tells: Callable[[Judged], bool],
) -> dict[str, Judged]:
    """Return the predictions made for `about`, by role: of the champion and of the challenger.

    Labels count if they were known at the end of `as_of`. Where the partition has labels, but too
    few to judge by, the ones before it are added, as long as the same versions predicted them.

    Args:
        tells: whether the champion's are enough to judge by.
    """
    found: dict[str, Judged] = {}
    for slots in performance_windows(answered.product, about):
        wider = answered.over(slots, as_of)
        # of a partition with hardly a row beside large ones a sample of all may have none
        found = wider if "champion" in wider else found
        champion = found.get("champion")
        if champion is None or not champion.labelled or tells(champion):
            break
    return found


def outcome_of(product: Product, made: Judged, classes: tuple[str, ...] = ()) -> Outcome:
    """Return labelled predictions as an outcome.

    Args:
        classes: of a multiclass model, in the order of its probabilities.
    """
    rows = made.rows
    several = product.spec.label.kind == "multiclass"
    scores = np.stack(rows["probabilities"].to_list()) if several else rows["score"].to_numpy()
    event_time = product.spec.features.event_time
    timed = event_time is not None and not product.calendar.is_snapshot
    return outcomes.outcome_of(
        product.spec,
        made.labels,
        Answers(scores, rows["prediction"].to_numpy()),
        known=classes,
        blocks=days(rows[event_time], made.until) if timed else None,
        groups=made.groups,
    )


def _over(
    product: Product, tables: Tables, slots: Sequence[Partition], as_of: Partition
) -> dict[str, Judged]:
    roles = _roles(tables, slots)
    if not roles:
        return {}
    known = tables.labels(slots, as_of.end)
    made = tables.answered(slots, known)
    traits = _traits_of(product, tables, made, slots)
    share = tables.share(slots, as_of.end)
    found = {}
    for role, version in roles.items():
        ours = (made["role"] == role) & (made["model_version"] == version)
        one = _of_version(product, version, made[ours], known, traits, slots)
        if not tables.whole(slots):
            one = _counted(tables, replace(one, share=share), role, slots, as_of.end)
        found[role] = one
    return found


def _roles(tables: Tables, slots: Sequence[Partition]) -> dict[str, str]:
    """Return which version predicted the newest partition of a window in which role."""
    if not tables.whole(slots):
        return dict(reversed(tables.counted(slots[-1:])))
    made = tables.predictions(slots)
    newest = made[made[PARTITION] == slots[-1].key] if len(made) else made
    named = newest.drop_duplicates("role") if len(newest) else newest
    return {str(one.role): str(one.model_version) for one in named.itertuples(index=False)}


def _of_version(
    product: Product,
    version: str,
    made: pd.DataFrame,
    known: pd.DataFrame,
    traits: pd.DataFrame,
    slots: Sequence[Partition],
) -> Judged:
    """Return what one model said, from the partition on since which it predicted."""
    newest, on = slots[-1].key, [PARTITION, *product.spec.features.key]
    places = _places(made, known, on)
    rows = made[places >= 0].reset_index(drop=True)
    traits = _traits(product, rows, traits)
    group = product.spec.features.group
    return Judged(
        version=version,
        since=str(made[PARTITION].min()) if len(made) else newest,
        until=slots[-1].end,
        predictions=int((made[PARTITION] == newest).sum()),
        labelled=int((rows[PARTITION] == newest).sum()),
        rows=rows,
        labels=known[LABEL].iloc[places[places >= 0]].reset_index(drop=True),
        traits=traits[list(product.spec.features.sensitive)],
        groups=entities(traits[group], rows[on]) if group is not None else None,
    )


def _counted(
    tables: Tables, made: Judged, role: str, slots: Sequence[Partition], as_of: datetime
) -> Judged:
    """Return what a model said with figures that are counted, as not all its rows were read."""

    def labelled(slot: Partition) -> int:
        return tables.coverage(slot, role, made.version, as_of)[1]

    predicted, known = tables.coverage(slots[-1], role, made.version, as_of)
    every = (lambda: sum(map(labelled, slots))) if made.share < 1 else None
    return replace(made, predictions=predicted, labelled=known, counted=every)


def _traits_of(
    product: Product, tables: Tables, made: pd.DataFrame, slots: Sequence[Partition]
) -> pd.DataFrame:
    """Return the features that tell the traits of some predictions, if any does."""
    features = product.spec.features
    if made.empty or not (features.sensitive or features.group):
        return pd.DataFrame()
    return tables.traits(slots, made)


def _traits(product: Product, rows: pd.DataFrame, built: pd.DataFrame) -> pd.DataFrame:
    """Return the sensitive columns and the group of some rows; missing where the row is gone."""
    features = product.spec.features
    group = [features.group] if features.group else []
    names = list(dict.fromkeys([*features.sensitive, *group]))
    if not names or rows.empty:
        return pd.DataFrame(index=rows.index, columns=names, dtype=object)
    places = _places(rows, built, [PARTITION, *features.key])
    # a place of -1 becomes a row without values
    return (
        built.reindex(columns=names).reset_index(drop=True).reindex(places).reset_index(drop=True)
    )


def _places(rows: pd.DataFrame, others: pd.DataFrame, on: list[str]) -> np.ndarray:
    """Return (rows,) where the row of the same key is among the others, -1 where there is none."""
    if others.empty or rows.empty:
        return np.full(len(rows), -1)
    index = pd.MultiIndex.from_frame(others[on])
    places: np.ndarray = index.get_indexer(pd.MultiIndex.from_frame(rows[on]))
    return places
