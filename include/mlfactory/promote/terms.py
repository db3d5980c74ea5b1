"""The terms on which a training's model is judged: what counts, and how much is asked."""

from __future__ import annotations

from collections.abc import Sequence

from mlfactory.lake import ledger
from mlfactory.product.loader import Product
from mlfactory.promote.evidence import Terms
from mlfactory.trainings.split import least_of_the_rarest

HOLDOUT = "holdout"
"""Where a decision's details name the partitions that it was judged on."""


def terms_of(product: Product, training_id: str, holdout: Sequence[str]) -> Terms:
    """Return the terms for a training that holds out these partitions, as the ledger is now."""
    spec = product.spec
    decisions = ledger.entries(product.name, "promoted", "rejected")
    return Terms(
        every=spec.partition.every,
        main_metric=spec.main_metric,
        min_holdout=spec.train.min_holdout,
        least_of_a_class=least_of_the_rarest(product),
        tries=tries_before(decisions, training_id, holdout),
    )


def tries_before(
    decisions: Sequence[ledger.Entry], training_id: str, holdout: Sequence[str]
) -> float:
    """Return how many other trainings were judged on these held-out partitions before.

    One that was judged on some of them counts for the part that it shares. A snapshot has one
    partition, and chooses its rows the same way each time: all its judgements count.
    """
    latest = {
        entry.subject: set(entry.details.get(HOLDOUT, ()))
        for entry in decisions
        if entry.subject != training_id
    }
    ours = set(holdout)
    return sum(len(ours & theirs) for theirs in latest.values()) / max(len(ours), 1)
