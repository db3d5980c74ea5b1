"""Which rows of a snapshot a version may predict: those that it was not fitted on.

A snapshot has one partition, which every model has seen, and rows that come to it later. What a
row is called is all that tells them from the others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.lake.ledger import Reign
from mlfactory.product.loader import Product
from mlfactory.trainings.blocks import names
from mlfactory.trainings.files import FIT_KEYS
from mlfactory.trainings.heldout import HOLDOUT_ROWS, kept_names

Mask = npt.NDArray[np.bool_]


class Unseen:
    """What a version may predict of a snapshot, batch after batch.

    Raises:
        Absent: the version's training left no record of its rows.
        ContractError: they are named by another key than the spec has now.
    """

    def __init__(self, product: Product, reign: Reign) -> None:
        self._key = list(product.spec.features.key)
        self._fitted = kept_names(product, reign.training_id, FIT_KEYS)
        self._held_out = kept_names(product, reign.training_id, HOLDOUT_ROWS)

    def of(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that the version was not fitted on."""
        return features[~self._among(features, self._fitted)].reset_index(drop=True)

    def held_out(self, features: pd.DataFrame) -> Mask:
        """Return (rows,) which rows the version was judged by."""
        return self._among(features, self._held_out)

    def _among(self, features: pd.DataFrame, known: pd.MultiIndex) -> Mask:
        return np.asarray(names(features[self._key]).isin(known), dtype=np.bool_)
