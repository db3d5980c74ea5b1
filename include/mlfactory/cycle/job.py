"""What a step is given, and what it says it has done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

BY_HAND = "asked for by hand"
"""Why a person trains who does not say why."""

RECONCILED = "reconcile__"
"""How the ids of the runs begin that make up for lost ones."""


@dataclass(frozen=True)
class Budget:
    """What a training may use where it differs from the spec, and why it was asked for.

    Attributes:
        reason: empty where the request's own reason holds.
    """

    trials: int | None = None
    seconds: int | None = None
    candidates: tuple[str, ...] | None = None
    reason: str = ""


@dataclass(frozen=True)
class Job:
    """What a step is given.

    Attributes:
        training_id: of the training that the steps from `snapshot` on belong to; of the run that
            shards and their gathering do.
        candidate: the family that the step `search` searches.
        renew: whether the step `ingest` reads registers anew instead of keeping them as seen.
        shard: the shard, from 0, that the step `shard` builds.
        land: whether the step `ingest` reads the sources; if not, what was landed before stands.
        arrived: what has come of the partition since it landed, where it is landed again for that.
    """

    product: Product
    partition: Partition
    training_id: str = ""
    candidate: str = ""
    shard: int = 0
    budget: Budget = Budget()
    renew: bool = False
    land: bool = True
    arrived: str = ""


@dataclass(frozen=True)
class Done:
    """What a step has done.

    Attributes:
        result: its stage's result.
        pages: the name in the product's store of each page that it left, by what it is called.
        addresses: of what it left elsewhere, by what it is called.
        stop_here: why nothing follows, where that is so.
        expands_to: the candidates, one for each time that the step after this one is run.
    """

    result: dict[str, Any]
    pages: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    stop_here: str = ""
    expands_to: tuple[str, ...] = ()
