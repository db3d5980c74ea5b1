"""The terms on which a training's model is judged: what counts, and how much is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mlfactory.lake import ledger
from mlfactory.lake.store import Absent
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product
from mlfactory.promote.evidence import Terms
from mlfactory.trainings.heldout import HOLDOUT_ROWS, kept_names
from mlfactory.trainings.records import Training
from mlfactory.trainings.split import least_of_the_rarest

HOLDOUT = "holdout"
"""Where a decision's details name the partitions that it was judged on."""


def terms_of(product: Product, training: Training) -> Terms:
    """Return the terms for a training, as the ledger is now."""
    spec = product.spec
    return Terms(
        every=spec.partition.every,
        main_metric=spec.main_metric,
        min_holdout=spec.train.min_holdout,
        least_of_a_class=least_of_the_rarest(product),
        tries=tries_before(product, training, ledger.entries(product.name, "promoted", "rejected")),
    )


def tries_before(product: Product, training: Training, decisions: Sequence[ledger.Entry]) -> float:
    """Return how many other trainings were judged on the same held-out rows before.

    Whom no gate could have found better, as chance could not be told at all, was given no try.

    One that was judged on some of them counts for the part that it shares: of the partitions, or
    of a snapshot's rows, which are the same as long as the snapshot has them, whatever the seed.
    """
    others = {
        entry.subject: entry.details.get(HOLDOUT, ())
        for entry in decisions
        if entry.subject != training.training_id and _tried(entry)
    }
    if product.calendar.is_snapshot:
        ours = _rows_of(product, training.training_id) if others else None
        return sum(_shared_rows(product, other, ours) for other in others)
    held_out = set(training.holdout_partitions)
    return sum(len(held_out & set(keys)) for keys in others.values()) / max(len(held_out), 1)


def _tried(entry: ledger.Entry) -> bool:
    """Tell whether a decision's gates could have found its candidate better."""
    compared = [gate for gate in entry.details.get("gates", ()) if gate["compared"]]
    # without a lower bound no improvement would have been enough
    told = [gate for gate in compared if gate["state"] != "cannot_tell" or gate["low"] is not None]
    return bool(told) or not compared


def _shared_rows(product: Product, other: str, ours: pd.Index | None) -> float:
    """Return the share of our held-out rows on which another training was judged."""
    theirs = _rows_of(product, other)
    if ours is None or theirs is None:
        return 1.0  # who left no record may have been judged on all of them
    return float(np.mean(ours.isin(theirs))) if len(ours) else 0.0


def _rows_of(product: Product, training_id: str) -> pd.Index | None:
    """Return what names a training's held-out rows, None if no record of it can be compared."""
    try:
        return kept_names(product, training_id, HOLDOUT_ROWS)
    except (Absent, ContractError):
        return None
