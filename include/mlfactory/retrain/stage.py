"""The retrain stage: decide as of a partition whether to train again, and put it in the ledger."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mlfactory.lake import ledger
from mlfactory.lake.manifests import manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.retrain.evidence import labelled_rows, observations_until, past_before
from mlfactory.retrain.policy import decide

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetrainResult:
    """Whether a training with this cut-off is asked for, and why."""

    requested: bool
    reason: str


def run(product: Product, partition: Partition) -> RetrainResult:
    """Decide whether to train with the cut-off `partition`, from what was known at its end.

    The decision, yes or no, becomes an entry of the ledger. Deciding again decides the same, unless
    such a training was judged in the meantime: it is not asked for twice.
    """
    with manifest(product, "retrain", partition.key) as record:
        record.inputs = Lake(product.name).versions("metrics", "labels")
        past = past_before(product, partition)
        observations = observations_until(product, partition, past.champion)
        labelled = labelled_rows(product, partition)
        decision = decide(product.spec, partition, past, observations, labelled)
        ledger.record(
            product.name,
            ledger.Entry(
                event="retrain_requested" if decision.requested else "retrain_refused",
                partition=partition.key,
                why=decision.reason,
                details={
                    "refusals": list(decision.refusals),
                    "champion_cutoff": past.champion,
                    "labelled_rows": sum(labelled.values()),
                },
            ),
        )
        record.counts = {"labelled_rows": sum(labelled.values())}
        record.facts = {"requested": decision.requested, "reason": decision.reason}
    verb = "requested" if decision.requested else "not requested"
    _log.info("%s %s: training %s: %s", product.name, partition, verb, decision.reason)
    return RetrainResult(decision.requested, decision.reason)
