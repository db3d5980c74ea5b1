"""The labelled rows that a training may have, each with its label as it was known in time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from mlfactory.lake.catalog import FEATURES, PARTITION
from mlfactory.lake.labels import known_labels
from mlfactory.lake.sampling import Among, Sample, event_key, fits, read_those
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.statistics.statistic import Ints
from mlfactory.trainings.blocks import entities

if TYPE_CHECKING:
    from mlfactory.trainings.split import Plan

GROUP = "\0group"
"""Column with the entity of each row; no column of a user's can have this name."""


def labelled_rows(
    product: Product, cutoff: Partition, keys: Sequence[str], versions: Plan
) -> pd.DataFrame:
    """Return the labels known at the end of `cutoff` of events that have features.

    Labels that are told can be corrected: where the plan says what is held out, those of events
    before it are as they were known when it began, as a training then would have read them.
    What the plan leaves out is not there, and of the rest its share.

    Columns are those of `known_labels`, and one of ours for `groups_of`.
    """
    keys = [key for key in keys if key not in versions.left_out]
    features = product.spec.features
    known = _known(product, cutoff, keys, versions)
    on = [PARTITION, *features.key]
    group = [features.group] if features.group and features.group not in features.key else []
    built = features_of(product, keys, [*on, *group], known, versions)
    places = pd.MultiIndex.from_frame(built[on]).get_indexer(pd.MultiIndex.from_frame(known[on]))
    rows = known[places >= 0].reset_index(drop=True)
    if group:
        rows[GROUP] = built[group[0]].to_numpy()[places[places >= 0]]
    elif features.group:
        rows[GROUP] = rows[features.group]
    return rows


def _known(
    product: Product, cutoff: Partition, keys: Sequence[str], versions: Plan
) -> pd.DataFrame:
    def as_of(keys: Sequence[str], moment: datetime) -> pd.DataFrame:
        features = product.spec.features
        return known_labels(
            product,
            keys,
            moment,
            versions.labels_version,
            left_out=versions.left_out,
            sample=Sample(versions.share, event_key(features.key, features.event_time), "training"),
        )

    if not product.spec.label.is_told or not versions.holdout_partitions:
        return as_of(keys, cutoff.end)
    first = versions.holdout_partitions[0]
    before = as_of([key for key in keys if key < first], product.calendar.parse(first).start)
    since = as_of([key for key in keys if key >= first], cutoff.end)
    found = [rows for rows in (before, since) if len(rows)]
    return pd.concat(found, ignore_index=True) if found else since


def features_of(
    product: Product,
    keys: Sequence[str],
    columns: Sequence[str],
    labels: pd.DataFrame,
    versions: Plan,
) -> pd.DataFrame:
    """Return rows of features of some partitions: those with one of the labels, if not all.

    Args:
        columns: with the partition and the key.
        labels: likewise.
    """
    lake, version = Lake(product.name), versions.features_version
    if fits(lake, FEATURES, keys, version):
        return lake.read(FEATURES, keys, columns=columns, version=version)
    labelled = Among(labels, [PARTITION, *product.spec.features.key])
    return read_those(lake, FEATURES, keys, columns, version, labelled.of)


def groups_of(product: Product, rows: pd.DataFrame) -> Ints | None:
    """Return a number for the entity of each row, None if the spec names none."""
    if GROUP not in rows:
        return None
    return entities(rows[GROUP], rows[[PARTITION, *product.spec.features.key]])
