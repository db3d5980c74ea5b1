"""What a partition is compared with: the champion's training data and its held-out answers."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mlfactory.lake import ledger
from mlfactory.monitor.answers import from_held_out
from mlfactory.monitor.findings import NO_MODEL, SEEN
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry.models import load_version
from mlfactory.registry.versions import tags_of
from mlfactory.trainings.files import REFERENCE, load_fitted, load_frame, load_training
from mlfactory.trainings.heldout import load_held_out


@dataclass(frozen=True, eq=False)
class Reference:
    """The champion of a partition and what it knew.

    Attributes:
        reign: which version, and up to where it has seen the data.
        reason: why it was promoted.
        partitions: the partitions whose features it was fitted on.
        features: their rows, as they were then.
        answers: its `score` (and class) for each row it was judged by, none of which it had seen;
            the column `block` tells the day or hour of each.
        threshold: of a binary model's decisions.
    """

    reign: ledger.Reign
    training_id: str
    reason: str
    partitions: tuple[str, ...]
    features: pd.DataFrame
    answers: pd.DataFrame
    threshold: float | None


def reference_for(product: Product, partition: Partition) -> Reference | None:
    """Return what the champion of `partition` learned from, None if there is no champion."""
    reign = ledger.champion_for(product, partition)
    if reign is None:
        return None
    training = load_training(product.name, tags_of(product.name, reign.version)["training_id"])
    fitted = load_fitted(product.name, training.training_id)
    return Reference(
        reign=reign,
        training_id=training.training_id,
        reason=_reason(product, reign),
        partitions=training.fit_partitions,
        features=load_frame(product.name, training.training_id, REFERENCE),
        answers=from_held_out(product.spec, load_held_out(product.name, training.training_id)),
        threshold=fitted.threshold.value if fitted.threshold else None,
    )


def without_reference(product: Product) -> str:
    """Return the state of a partition that no champion judges: there is none, or all have seen it.

    The latter is a snapshot's, whose only partition every model was trained with.
    """
    if product.calendar.is_snapshot and ledger.entries(product.name, "promoted"):
        return SEEN
    return NO_MODEL


def columns(product: Product) -> list[str]:
    """Return the columns that are watched for drift, and the one with their time."""
    features = product.spec.features
    return [*features.inputs, *([features.event_time] if features.event_time else [])]


def classes_of(product: Product, version: str) -> tuple[str, ...]:
    """Return the classes of a model of several, in the order of its probabilities."""
    if product.spec.label.kind != "multiclass":
        return ()
    return load_version(product.name, version).classes or ()


def _reason(product: Product, reign: ledger.Reign) -> str:
    return next(
        entry.why
        for entry in reversed(ledger.entries(product.name, "promoted"))
        if entry.details["version"] == reign.version
    )
