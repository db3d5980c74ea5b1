"""How a training begins: who competes and for how much, what it reads, and whether it may."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mlfactory.lake import ledger
from mlfactory.lake.requests import request_for
from mlfactory.lake.revisions import code_revision, lock_hash
from mlfactory.product.errors import InsufficientData, LeakageError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.mistakes import nearest
from mlfactory.product.partitions import Partition
from mlfactory.product.spec import CANDIDATES
from mlfactory.train.dataset import Rows, constant_inputs, read_split
from mlfactory.train.leakage import ROWS_LOOKED_AT, refuse_leaks
from mlfactory.train.thinning import thinned
from mlfactory.trainings.records import Training
from mlfactory.trainings.split import plan

_log = logging.getLogger(__name__)

_BY_HAND = "asked for by hand"


@dataclass(frozen=True)
class Competition:
    """Who competes, and what all of them together may spend."""

    candidates: tuple[str, ...]
    trials: int
    seconds: int


def budget_of(
    product: Product,
    trials: int | None,
    seconds: int | None,
    candidates: Sequence[str] | None,
) -> Competition:
    """Return what was asked for, and the spec's where nothing was.

    Raises:
        UsageError: if a candidate or a budget is asked for that there cannot be.
    """
    spec = product.spec.train.search
    return Competition(
        _candidates(product, candidates),
        _at_least_1("trials", trials, spec.trials),
        _at_least_1("seconds", seconds, spec.seconds),
    )


def pin_training(
    product: Product, cutoff: Partition, training_id: str, budget: Competition, reason: str
) -> Training:
    """Return what a training reads and why it is made, once it is clear that it can be made.

    Raises:
        UsageError: if the partition is not over yet.
        InsufficientData: if there are too few labelled rows, partitions or classes.
        LeakageError: if a feature gives the label away.
    """
    refuse_unfinished(product, cutoff)
    chosen = plan(product, cutoff)
    if chosen.problem:
        raise InsufficientData(
            f"product {product.name}, training at {cutoff}: {chosen.problem}", remedy=chosen.remedy
        )
    _look_at_features(product, cutoff, read_split(product, cutoff, chosen).fit)
    # who gives a reason asks for a training of their own, whatever was requested
    request = None if reason else request_for(ledger.entries(product.name), cutoff.key)
    return Training(
        product=product.name,
        partition=cutoff.key,
        training_id=training_id,
        reason=reason or (request.why if request else _BY_HAND),
        request=request.number if request else 0,
        pinned_at=datetime.now(UTC).isoformat(timespec="seconds"),
        features_version=chosen.features_version,
        labels_version=chosen.labels_version,
        fit_partitions=chosen.fit_partitions,
        holdout_partitions=chosen.holdout_partitions,
        fit_rows=chosen.fit.rows,
        holdout_rows=chosen.holdout.rows,
        seed=product.spec.train.seed,
        trials=budget.trials,
        seconds=budget.seconds,
        candidates=budget.candidates,
        spec_hash=product.spec_hash,
        code_hash=product.code_hash,
        code_revision=code_revision(),
        lock_hash=lock_hash(),
        left_out=tuple(chosen.left_out),
        portion=chosen.share,
        of_rows=chosen.of_rows,
    )


def refuse_unfinished(product: Product, cutoff: Partition) -> None:
    """Make sure that a partition is over: a training with its cut-off would be judged for good.

    Raises:
        UsageError: if it is not.
    """
    if product.calendar.is_snapshot or cutoff.end <= datetime.now(UTC):
        return
    before = product.calendar.shift(cutoff, -1)
    raise UsageError(
        f"product {product.name}: partition {cutoff} ends at {cutoff.end:%Y-%m-%d %H:%M} UTC "
        "and is not over yet",
        remedy=f"train with the cut-off {before}, or wait",
    )


def check_same(training: Training, cutoff: Partition, budget: Competition) -> None:
    """Make sure that a training which was begun is the one asked for.

    Raises:
        UsageError: if it is not.
    """
    begun = Competition(training.candidates, training.trials, training.seconds)
    if training.partition != cutoff.key or begun != budget:
        raise UsageError(
            f"training {training.training_id} was begun at {training.partition} with {begun}, "
            f"and is asked for at {cutoff} with {budget}",
            remedy="start a new training, with an id of its own",
        )


def check_spec(training: Training, product: Product) -> None:
    """Make sure that a training goes on with the spec it was begun with.

    Raises:
        UsageError: if that was changed since.
    """
    if training.spec_hash != product.spec_hash:
        raise UsageError(
            f"training {training.training_id} of {product.name} was begun with another "
            "product.yaml",
            remedy="start a new training, with an id of its own",
        )


def _look_at_features(product: Product, cutoff: Partition, rows: Rows) -> None:
    constant = list(constant_inputs(rows))
    if constant:
        _log.warning(
            "%s %s: build returns the same value in all %d rows to fit on for %s",
            *(product.name, cutoff, len(rows), ", ".join(constant)),
        )
    kind, key = product.spec.label.kind, list(product.spec.features.key)
    looked_at = thinned(rows, key, kind, ROWS_LOOKED_AT)
    try:
        refuse_leaks(
            looked_at.inputs,
            looked_at.y,
            kind,
            in_time=not product.calendar.is_snapshot,
            groups=looked_at.groups,
        )
    except LeakageError as error:
        raise LeakageError(
            f"{product.name}, partition {cutoff}: {error.problem}", remedy=error.remedy
        ) from None


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
