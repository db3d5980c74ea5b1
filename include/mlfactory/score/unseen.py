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


def fitted_rows(product: Product, reign: Reign, features: pd.DataFrame) -> Mask:
    """Return (rows,) which rows of a snapshot's features a version was fitted on.

    Raises:
        Absent: the version's training left no record of its rows.
        ContractError: they are named by another key than the spec has now.
    """
    return _among(product, reign, features, FIT_KEYS)


def held_out_rows(product: Product, reign: Reign, features: pd.DataFrame) -> Mask:
    """Return (rows,) which rows of a snapshot's features a version was judged by.

    Raises:
        Absent: the version's training left no record of its rows.
        ContractError: they are named by another key than the spec has now.
    """
    return _among(product, reign, features, HOLDOUT_ROWS)


def _among(product: Product, reign: Reign, features: pd.DataFrame, file: str) -> Mask:
    known = kept_names(product, reign.training_id, file)
    ours = names(features[list(product.spec.features.key)])
    return np.asarray(ours.isin(known), dtype=np.bool_)
