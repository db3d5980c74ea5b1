"""Which rows of a snapshot a version may predict: those that it was not fitted on.

A snapshot has one partition, which every model has seen, and rows that come to it later. What a
row is called is all that tells them from the others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.lake.kinds import words
from mlfactory.lake.ledger import Reign
from mlfactory.product.loader import Product
from mlfactory.trainings.files import FIT_KEYS, load_frame
from mlfactory.trainings.heldout import load_held_out

Mask = npt.NDArray[np.bool_]


def fitted_rows(product: Product, reign: Reign, features: pd.DataFrame) -> Mask:
    """Return (rows,) which rows of a snapshot's features a version was fitted on.

    Raises:
        Absent: the version's training left no record of its rows.
    """
    return _among(product, features, load_frame(product.name, reign.training_id, FIT_KEYS))


def held_out_rows(product: Product, reign: Reign, features: pd.DataFrame) -> Mask:
    """Return (rows,) which rows of a snapshot's features a version was judged by.

    Raises:
        Absent: the version's training left no record of its rows.
    """
    return _among(product, features, load_held_out(product.name, reign.training_id).rows)


def _among(product: Product, features: pd.DataFrame, others: pd.DataFrame) -> Mask:
    key = product.spec.features.key
    known, wanted = (
        pd.MultiIndex.from_frame(pd.DataFrame({name: words(frame[name]) for name in key}))
        for frame in (features, others)
    )
    return np.asarray(known.isin(wanted), dtype=np.bool_)
