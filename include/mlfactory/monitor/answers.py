"""A model's answers in one shape, whether given on held-out rows or for partitions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mlfactory.lake.catalog import PARTITION, PREDICTIONS
from mlfactory.lake.vouched import vouched_rows
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.product.spec import ProductSpec
from mlfactory.trainings.heldout import HeldOut

SCORE = "score"
"""The probability of 1, the predicted value, or the probability of the class that was chosen."""

ANSWER = "prediction"
"""The class that was chosen, of a model with several."""

AT = "at"
"""When the event was; not there for a snapshot."""


def from_held_out(spec: ProductSpec, held_out: HeldOut) -> pd.DataFrame:
    """Return score, class and time of the rows a model was judged by at its training."""
    said = held_out.said
    if spec.label.kind == "multiclass":
        found = pd.DataFrame({SCORE: said.scores.max(axis=1), ANSWER: said.decisions})
    else:
        found = pd.DataFrame({SCORE: said.scores})
    if spec.features.event_time:
        found[AT] = held_out.rows[spec.features.event_time].reset_index(drop=True)
    return found


def from_predictions(
    product: Product, partitions: Sequence[Partition], version: str
) -> pd.DataFrame:
    """Return score, class, time and partition of what a version predicted as champion."""
    spec = product.spec
    many, event_time = spec.label.kind == "multiclass", spec.features.event_time
    columns = [
        PARTITION,
        "role",
        "model_version",
        SCORE,
        *([ANSWER, "probabilities"] if many else []),
    ]
    columns += [event_time] if event_time else []
    keys = [slot.key for slot in partitions]
    predictions = vouched_rows(product.name, PREDICTIONS, keys, columns=columns)
    ours = (predictions["role"] == "champion") & (predictions["model_version"] == version)
    predictions = predictions[ours].reset_index(drop=True)
    found = pd.DataFrame({SCORE: predictions[SCORE].to_numpy(dtype=np.float64)})
    found[PARTITION] = predictions[PARTITION]
    if many:
        found[SCORE] = [max(chances) for chances in predictions["probabilities"]]
        found[ANSWER] = predictions[ANSWER].to_numpy()
    if event_time:
        found[AT] = pd.to_datetime(predictions[event_time], utc=True)
    return found
