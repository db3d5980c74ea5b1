"""A model's answers in one shape, whether given on held-out rows or for partitions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlfactory.lake.catalog import PARTITION
from mlfactory.product.loader import Product
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


def from_predictions(product: Product, predictions: pd.DataFrame, version: str) -> pd.DataFrame:
    """Return score, class, time and partition of what a version predicted as champion.

    Args:
        predictions: rows of the table.
    """
    spec = product.spec
    if predictions.empty:
        return pd.DataFrame(columns=[SCORE, PARTITION])
    ours = (predictions["role"] == "champion") & (predictions["model_version"] == version)
    predictions = predictions[ours].reset_index(drop=True)
    found = pd.DataFrame({SCORE: predictions[SCORE].to_numpy(dtype=np.float64)})
    found[PARTITION] = predictions[PARTITION]
    if spec.label.kind == "multiclass":
        found[SCORE] = [max(chances) for chances in predictions["probabilities"]]
        found[ANSWER] = predictions[ANSWER].to_numpy()
    if spec.features.event_time:
        found[AT] = pd.to_datetime(predictions[spec.features.event_time], utc=True)
    return found
