"""A model's answers in one shape, whether given on held-out rows or for a partition."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.product.spec import ProductSpec
from mlfactory.trainings.heldout import HeldOut

SCORE = "score"
"""The probability of 1, the predicted value, or the probability of the class that was chosen."""

AT = "at"
"""When the event was; not there for a snapshot."""

ANSWER = "prediction"
"""The class that was chosen, of a model with several."""


def from_held_out(spec: ProductSpec, held_out: HeldOut) -> pd.DataFrame:
    """Return score, class and block of the rows a model was judged by at its training."""
    said = held_out.said
    if spec.label.kind != "multiclass":
        return pd.DataFrame({SCORE: said.scores, "block": held_out.blocks})
    return pd.DataFrame(
        {SCORE: said.scores.max(axis=1), ANSWER: said.decisions, "block": held_out.blocks}
    )


def from_predictions(product: Product, partition: Partition) -> pd.DataFrame:
    """Return score, class and time of the champion's predictions for a partition."""
    spec = product.spec
    many = spec.label.kind == "multiclass"
    event_time = spec.features.event_time
    columns = ["role", SCORE, *([ANSWER, "probabilities"] if many else [])]
    columns += [event_time] if event_time else []
    predictions = Lake(product.name).read("predictions", [partition.key], columns=columns)
    predictions = predictions[predictions["role"] == "champion"]
    found = pd.DataFrame({SCORE: predictions[SCORE].to_numpy(dtype=np.float64)})
    if many:
        found[SCORE] = [max(chances) for chances in predictions["probabilities"]]
        found[ANSWER] = predictions[ANSWER].to_numpy()
    if event_time:
        found[AT] = predictions[event_time].to_numpy()
        found[AT] = pd.to_datetime(found[AT], utc=True)
    return found
