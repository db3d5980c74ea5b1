"""Register a training's model and gather what the gates judge it by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlfactory.lake.ledger import Entry
from mlfactory.product.errors import FactoryError, IntegrityError
from mlfactory.product.gates import BoundGate, SliceGate
from mlfactory.product.loader import Product
from mlfactory.product.metrics import LATENCY, metrics_for
from mlfactory.promote.evidence import Evidence
from mlfactory.promote.latency import measure_latency
from mlfactory.promote.reference import every_class, reference_for
from mlfactory.registry.answers import Answers
from mlfactory.registry.models import LoadedModel, StoredModel, load_version
from mlfactory.registry.serving import served_by_mlflow
from mlfactory.registry.versions import register
from mlfactory.statistics.metrics import Outcome
from mlfactory.statistics.naive import naive_outcome
from mlfactory.trainings.files import load_fitted, load_training
from mlfactory.trainings.heldout import LABEL, HeldOut, levels, load_held_out
from mlfactory.trainings.outcomes import outcome_of
from mlfactory.trainings.records import Fitted, Training

_ROWS_ASKED_AGAIN = 500
_DIGITS = 1e-9
"""Relative difference that sums in another order may make."""


@dataclass(frozen=True)
class Trained:
    """A training whose model waits to be judged: what was pinned, and what was fitted."""

    pinned: Training
    fitted: Fitted


def read_trained(product: Product, training_id: str) -> Trained:
    """Return what a training left behind.

    Raises:
        UsageError: if it was not pinned, or not fitted to its end.
    """
    return Trained(load_training(product.name, training_id), load_fitted(product.name, training_id))


def register_version(product: Product, trained: Trained) -> str:
    """Register a training's model with where it comes from as tags, and return its version.

    All of them are of the moment at which the training was pinned.
    """
    pinned, fitted = trained.pinned, trained.fitted
    tags: dict[str, Any] = {
        "partition": pinned.partition,
        "training_id": pinned.training_id,
        "seen_through": pinned.seen_through,
        "features_version": pinned.features_version,
        "labels_version": pinned.labels_version,
        "spec_hash": pinned.spec_hash,
        "code_hash": pinned.code_hash,
        "code_revision": pinned.code_revision,
        "lock_hash": pinned.lock_hash,
        "reason": pinned.reason,
        "candidate": fitted.candidate,
    }
    if fitted.threshold is not None:
        tags["threshold"] = fitted.threshold.value
    model = StoredModel(fitted.model_uri, fitted.model, fitted.digest)
    return register(product.name, model, fitted.run_id, tags)


def gather(product: Product, trained: Trained, version: str, champion: Entry | None) -> Evidence:
    """Ask the version, and whom it must beat, about the held-out rows."""
    spec, fitted = product.spec, trained.fitted
    held_out = load_held_out(product.name, trained.pinned.training_id)
    served = _load(product, version, fitted.digest)
    reference = reference_for(product, trained.pinned, champion, held_out)
    known = every_class(held_out, fitted.classes, reference.classes)
    candidate = outcome_for(product, held_out, held_out.said, fitted.classes, known)
    timed = any(isinstance(gate, BoundGate) and gate.metric == LATENCY for gate in spec.gates)
    said = reference.said
    return Evidence(
        candidate=candidate,
        reference=None
        if said is None
        else outcome_for(product, held_out, said, reference.classes, known),
        constant={
            metric: naive_outcome(candidate, metric, fitted.naive)
            for metric in metrics_for(spec.label.kind, costs=spec.business is not None)
        },
        reference_name=reference.name,
        unfair=reference.problem,
        slices={
            gate.slice: levels(held_out.rows[gate.slice])
            for gate in spec.gates
            if isinstance(gate, SliceGate)
        },
        latency=measure_latency(served.model) if served.model and timed else None,
        trouble=served.trouble or _other_answers(served.model, fitted, held_out),
        cutoff=trained.pinned.partition,
        champion_cutoff=champion.partition if champion else None,
    )


def outcome_for(
    product: Product,
    held_out: HeldOut,
    said: Answers,
    known: tuple[str, ...] | None,
    classes: tuple[str, ...],
) -> Outcome:
    """Return what a model says about the held-out rows, with their truth.

    Args:
        known: the classes of the model, where there are several.
        classes: all that anyone has spoken of, so that outcomes can be compared with each other.
    """
    return outcome_of(
        product.spec,
        held_out.answers[LABEL],
        said,
        known=known,
        classes=classes,
        blocks=held_out.blocks,
        groups=held_out.groups,
    )


@dataclass(frozen=True, eq=False)
class _Served:
    """The version as it would serve, or why it cannot."""

    model: LoadedModel | None
    trouble: str = ""


def _load(product: Product, version: str, digest: str) -> _Served:
    try:
        return _Served(load_version(product.name, version, digest=digest))
    except IntegrityError as error:
        return _Served(None, error.problem)


def _other_answers(model: LoadedModel | None, fitted: Fitted, held_out: HeldOut) -> str:
    """Tell where the version answers otherwise than when it was fitted; nothing if nowhere."""
    if model is None:
        return ""
    if not _same(model.answer(model.input_example).scores, model.expected):
        return "it answers its own input example otherwise than when it was fitted"
    rows = held_out.rows.head(_ROWS_ASKED_AGAIN)
    if not _same(model.answer(rows).scores, held_out.said.scores[: len(rows)]):
        return "it answers held-out rows otherwise than its training recorded"
    try:
        served = served_by_mlflow(fitted.model, rows[list(model.inputs)])
    except FactoryError as error:
        return f"MLflow cannot serve it: {error.problem}"
    if not _same(served["score"].to_numpy(), model.table(rows)["score"].to_numpy()):
        return "served by MLflow it answers held-out rows otherwise than here"
    return ""


def _same(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=_DIGITS, atol=_DIGITS)
