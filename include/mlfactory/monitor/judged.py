"""The predictions that were made over a window, with the labels known so far beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlfactory.lake.catalog import FEATURES, PARTITION, PREDICTIONS
from mlfactory.lake.labels import LABEL, known_labels
from mlfactory.lake.vouched import vouched_rows
from mlfactory.monitor.windows import windows
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry.answers import Answers
from mlfactory.statistics.metrics import Outcome
from mlfactory.trainings import outcomes
from mlfactory.trainings.blocks import days

MIN_LABELLED = 50
"""With fewer labelled predictions than this, a figure would be told more by luck than the model."""

MIN_DAYS = 4
"""Days that a window has where partitions are shorter: what a day brings is chance."""


@dataclass(frozen=True, eq=False)
class Judged:
    """The predictions of one model over a window, with the labels known so far.

    What the user named and what we named lie in frames of their own, aligned by row.

    Attributes:
        since: key of the window's first partition.
        predictions: how many predictions there are for the newest partition of the window, with a
            label or without; likewise `labelled`.
        rows: labelled predictions of the window, as they lie in the table.
        labels: (rows,) their labels.
        traits: their sensitive columns.
    """

    version: str
    since: str
    predictions: int
    labelled: int
    rows: pd.DataFrame
    labels: pd.Series
    traits: pd.DataFrame

    @property
    def coverage(self) -> float:
        """Return the share of the newest partition's predictions whose label is known."""
        return self.labelled / self.predictions if self.predictions else math.nan


def judged(product: Product, about: Partition, as_of: Partition) -> dict[str, Judged]:
    """Return the predictions made for `about`, by role: of the champion and of the challenger.

    Labels count if they were known at the end of `as_of`. Where the partition has labels, but too
    few to judge by, the ones before it are added, as long as the same versions predicted them.
    """
    found: dict[str, Judged] = {}
    for slots in windows(product, about):
        found = _over(product, slots, as_of)
        champion = found.get("champion")
        if champion is None or not champion.labelled or _tells(product, champion):
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
    return outcomes.outcome_of(
        product.spec,
        made.labels,
        Answers(scores, rows["prediction"].to_numpy()),
        known=classes,
        blocks=days(rows[event_time]) if event_time and not product.calendar.is_snapshot else None,
    )


def _over(product: Product, slots: Sequence[Partition], as_of: Partition) -> dict[str, Judged]:
    keys, newest = [slot.key for slot in slots], slots[-1].key
    predictions = vouched_rows(product.name, PREDICTIONS, keys)
    if predictions.empty:
        return {}
    of_newest = predictions[predictions[PARTITION] == newest]
    on = [PARTITION, *product.spec.features.key]
    known = known_labels(product, keys, as_of.end)
    return {
        str(role): _of_role(product, predictions[predictions["role"] == role], known, newest, on)
        for role in of_newest["role"].unique()
    }


def _of_role(
    product: Product, made: pd.DataFrame, known: pd.DataFrame, newest: str, on: list[str]
) -> Judged:
    """Return what one model said, from the partition on since which it predicted."""
    version = str(made.loc[made[PARTITION] == newest, "model_version"].iloc[0])
    made = made[made["model_version"] == version]
    places = _places(made, known, on)
    rows = made[places >= 0].reset_index(drop=True)
    labels = known[LABEL].iloc[places[places >= 0]].reset_index(drop=True)
    is_newest = made[PARTITION] == newest
    return Judged(
        version=version,
        since=str(made[PARTITION].min()),
        predictions=int(is_newest.sum()),
        labelled=int((rows[PARTITION] == newest).sum()),
        rows=rows,
        labels=labels,
        traits=_traits(product, rows, on),
    )


def _traits(product: Product, rows: pd.DataFrame, on: list[str]) -> pd.DataFrame:
    names = list(product.spec.features.sensitive)
    if not names or rows.empty:
        return pd.DataFrame(index=rows.index)
    keys = sorted(set(rows[PARTITION]))
    columns = list(dict.fromkeys([*on, *names]))
    built = vouched_rows(product.name, FEATURES, keys, columns=columns)
    places = _places(rows, built, on)
    found = built[names].iloc[places].reset_index(drop=True)
    return found.where(pd.Series(places >= 0), None) if (places < 0).any() else found


def _places(rows: pd.DataFrame, others: pd.DataFrame, on: list[str]) -> np.ndarray:
    """Return (rows,) where the row of the same key is among the others, -1 where there is none."""
    if others.empty or rows.empty:
        return np.full(len(rows), -1)
    index = pd.MultiIndex.from_frame(others[on])
    places: np.ndarray = index.get_indexer(pd.MultiIndex.from_frame(rows[on]))
    return places


def _tells(product: Product, made: Judged) -> bool:
    if len(made.rows) < MIN_LABELLED:
        return False
    event_time = product.spec.features.event_time
    if event_time is None or product.calendar.every not in ("hour", "day"):
        return True
    return len(np.unique(days(made.rows[event_time]))) >= MIN_DAYS
