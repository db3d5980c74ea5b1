"""Whom a candidate must beat: the champion on the same rows, or the best constant in its place."""

from __future__ import annotations

from dataclasses import dataclass

from mlfactory.lake import ledger
from mlfactory.lake.store import Absent
from mlfactory.product.errors import ContractError, IntegrityError, UsageError
from mlfactory.product.loader import Product
from mlfactory.registry.answers import Answers
from mlfactory.registry.models import load_version
from mlfactory.trainings.blocks import names
from mlfactory.trainings.files import FIT_KEYS, find_training
from mlfactory.trainings.heldout import LABEL, HeldOut, kept_names
from mlfactory.trainings.records import Training

CONSTANT = "the best constant answer"


@dataclass(frozen=True, eq=False)
class Reference:
    """Whom the candidate is compared with.

    Attributes:
        name: for people.
        said: what the champion says about the held-out rows; None if a constant takes its place,
            or no fair comparison can be made.
        classes: the champion's, where there are several.
        problem: why there is no fair comparison.
    """

    name: str
    said: Answers | None = None
    classes: tuple[str, ...] | None = None
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Asked:
    """What a registered version says about held-out rows.

    Attributes:
        lost: why it can never answer again, for its files or its columns.
    """

    said: Answers | None = None
    classes: tuple[str, ...] | None = None
    lost: str = ""


def champion_beside(product: Product, version: str) -> ledger.Entry | None:
    """Return the newest promotion of another version than this one.

    A version's own promotion is left out, so that judging it again compares it with the same one.
    """
    others = [
        entry
        for entry in ledger.entries(product.name, "promoted")
        if str(entry.details["version"]) != version
    ]
    return others[-1] if others else None


def reference_for(
    product: Product, trained: Training, champion: ledger.Entry | None, held_out: HeldOut
) -> Reference:
    """Return whom the candidate is compared with, and what that one says.

    A champion that can no longer serve, for its files or its columns, makes way for the constant:
    to insist on it would let no model in ever again.
    """
    if champion is None:
        return Reference(CONSTANT)
    version = str(champion.details["version"])
    name = f"champion {version}"
    try:
        asked = ask(product, version, held_out)
    except UsageError as error:
        return Reference(name, problem=f"{name} cannot be asked: {error.problem}")
    if asked.lost:
        return Reference(f"{CONSTANT} ({name} {asked.lost})")
    problem = seen_by(product, champion.subject, trained, held_out)
    if problem:
        return Reference(name, problem=f"{name} has {problem}, so no comparison would be fair")
    return Reference(name, asked.said, asked.classes)


def ask(product: Product, version: str, held_out: HeldOut) -> Asked:
    """Ask a registered version about the held-out rows of any training.

    Raises:
        UsageError: there is no such version.
    """
    try:
        model = load_version(product.name, version)
        lacking = [name for name in model.inputs if name not in held_out.rows.columns]
        if lacking:
            return Asked(lost=f"needs columns that are gone: {', '.join(lacking)}")
        return Asked(model.answer(held_out.rows), model.classes)
    except IntegrityError as error:
        return Asked(lost=f"cannot be asked: {error.problem}")
    except ContractError as error:
        return Asked(lost=f"needs columns of another kind: {error.problem}")


def seen_by(product: Product, training_id: str, trained: Training, held_out: HeldOut) -> str:
    """Return which held-out rows a training was fitted on, in words; nothing if none."""
    no_record = f"left no record of what it was fitted on (training {training_id})"
    pinned = find_training(product.name, training_id)
    if pinned is None:
        return no_record
    if not product.calendar.is_snapshot:
        seen = sorted(set(pinned.fit_partitions) & set(trained.holdout_partitions))
        return f"been fitted on the held-out {', '.join(seen)}" if seen else ""
    try:
        known = kept_names(product, training_id, FIT_KEYS)
    except Absent:
        return no_record
    except ContractError:
        return "been fitted on rows named by another key"
    ours = names(held_out.rows[list(product.spec.features.key)])
    rows = int(ours.isin(known).sum())
    return f"been fitted on {rows:,} of the held-out rows" if rows else ""


def every_class(held_out: HeldOut, *spoken: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the classes that occur among the rows or that a model knows; none if it has none."""
    known = {name for classes in spoken for name in classes or ()}
    truth = set(held_out.answers[LABEL].astype("str")) if known else set()
    return tuple(sorted(known | truth))
