"""The retrain stage: decide as of a partition whether to train again, and put it in the ledger."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from mlfactory.lake import ledger
from mlfactory.lake.catalog import LABELS, METRICS
from mlfactory.lake.manifests import manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.retrain.evidence import observations_until, past_before
from mlfactory.retrain.news import is_news
from mlfactory.retrain.policy import Decision, decide
from mlfactory.trainings.split import plan

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetrainResult:
    """Whether a training with this cut-off is asked for, and why."""

    requested: bool
    reason: str


def run(product: Product, partition: Partition) -> RetrainResult:
    """Decide whether to train with the cut-off `partition`, from what was known at its end.

    A request becomes an entry of the ledger, and so does a refusal that is not the one before it
    once more: of a quiet year the ledger tells when it became quiet. Deciding again decides the
    same, unless such a training was judged in the meantime: it is not asked for twice.
    """
    with manifest(product, "retrain", partition.key) as record:
        record.inputs = Lake(product.name).versions(METRICS, LABELS)
        past = past_before(product, partition, datetime.now(UTC))
        observations = observations_until(product, partition, past.champion)
        decision = decide(
            product.spec, partition, past, observations, lambda: plan(product, partition)
        )
        figures = _figures(decision)
        entry = ledger.Entry(
            event="retrain_requested" if decision.requested else "retrain_refused",
            partition=partition.key,
            why=decision.reason,
            details={
                "refusals": list(decision.refusals),
                "champion_cutoff": past.champion,
                "follows": past.newest_decision,
                **figures,
            },
        )
        if is_news(entry, ledger.entries(product.name, *ledger.REQUESTS)):
            record.refuse_removed()
            ledger.record(product.name, entry)
        record.counts = figures
        record.facts = {
            "requested": decision.requested,
            "reason": decision.reason,
            "refusals": list(decision.refusals),
        }
    verb = "requested" if decision.requested else "not requested"
    _log.info("%s %s: training %s: %s", product.name, partition, verb, decision.reason)
    return RetrainResult(decision.requested, decision.reason)


def _figures(decision: Decision) -> dict[str, int]:
    """Return the rows that the training would have; nothing where none was wanted."""
    if decision.plan is None:
        return {}
    return {
        "labelled_rows": sum(decision.plan.labelled.values()),
        "fit_rows": decision.plan.fit.rows,
        "holdout_rows": decision.plan.holdout.rows,
        "left_out": len(decision.plan.left_out),
    }
