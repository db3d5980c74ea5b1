"""How a training begins: who competes and for how much, what it reads, and whether it may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlfactory.lake import ledger
from mlfactory.product.errors import LeakageError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.mistakes import nearest
from mlfactory.product.partitions import Partition
from mlfactory.product.spec import CANDIDATES
from mlfactory.train.dataset import pin, read_split
from mlfactory.train.leakage import refuse_leaks
from mlfactory.train.training import Training

_BY_HAND = "asked for by hand"


@dataclass(frozen=True)
class Budget:
    """Who competes, and what all of them together may spend."""

    candidates: tuple[str, ...]
    trials: int
    seconds: int


def budget_of(
    product: Product,
    trials: int | None,
    seconds: int | None,
    candidates: Sequence[str] | None,
) -> Budget:
    """Return what was asked for, and the spec's where nothing was.

    Raises:
        UsageError: if a candidate or a budget is asked for that there cannot be.
    """
    spec = product.spec.train.search
    return Budget(
        _candidates(product, candidates),
        _at_least_1("trials", trials, spec.trials),
        _at_least_1("seconds", seconds, spec.seconds),
    )


def pin_training(
    product: Product, partition: Partition, training_id: str, budget: Budget, reason: str
) -> Training:
    """Return what a training reads and why it is made, once it is clear that it can be made.

    Raises:
        InsufficientData: if there are too few labelled rows, partitions or classes.
        LeakageError: if a feature gives the label away.
    """
    data = pin(product, partition)
    split = read_split(product, partition, data)
    try:
        refuse_leaks(split.fit.inputs, split.fit.y, product.spec.label.kind)
    except LeakageError as error:
        raise LeakageError(
            f"{product.name}, partition {partition}: {error.problem}", remedy=error.remedy
        ) from None
    return Training(
        product=product.name,
        partition=partition.key,
        training_id=training_id,
        reason=reason or _requested(product, partition) or _BY_HAND,
        features_version=data.features_version,
        labels_version=data.labels_version,
        fit_partitions=data.fit_partitions,
        holdout_partitions=data.holdout_partitions,
        fit_rows=len(split.fit),
        holdout_rows=len(split.holdout),
        seed=product.spec.train.seed,
        trials=budget.trials,
        seconds=budget.seconds,
        candidates=budget.candidates,
        spec_hash=product.spec_hash,
    )


def check_same(training: Training, partition: Partition, budget: Budget) -> None:
    """Make sure that a training which was begun is the one asked for.

    Raises:
        UsageError: if it is not.
    """
    begun = Budget(training.candidates, training.trials, training.seconds)
    if training.partition != partition.key or begun != budget:
        raise UsageError(
            f"training {training.training_id} was begun at {training.partition} with {begun}, "
            f"and is asked for at {partition} with {budget}",
            remedy="start a new training, with an id of its own",
        )


def _requested(product: Product, partition: Partition) -> str:
    """Return why the newest request for a training with this cut-off was made."""
    requests = ledger.entries(product.name, "retrain_requested")
    return next((one.why for one in reversed(requests) if one.partition == partition.key), "")


def _candidates(product: Product, asked: Sequence[str] | None) -> tuple[str, ...]:
    if not asked:
        return tuple(product.spec.candidates)
    families = CANDIDATES[product.spec.label.kind]
    for name in asked:
        if name not in families:
            raise UsageError(
                f"'{name}' cannot learn the {product.spec.label.kind} label of "
                f"{product.name}{nearest(name, families)}",
                remedy=f"there are {list(families)}",
            )
    return tuple(dict.fromkeys(asked))


def _at_least_1(name: str, asked: int | None, default: int) -> int:
    if asked is not None and asked < 1:
        raise UsageError(f"{name} is {asked}; a training needs at least 1")
    return default if asked is None else asked
