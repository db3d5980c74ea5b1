"""Register a training's model and gather what the gates judge it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlfactory.lake.ledger import Entry
from mlfactory.lake.revisions import code_revision
from mlfactory.product.errors import IntegrityError
from mlfactory.product.gates import BoundGate, SliceGate
from mlfactory.product.loader import Product
from mlfactory.product.metrics import LATENCY, metrics_for
from mlfactory.product.spec import ProductSpec
from mlfactory.promote.evidence import Evidence
from mlfactory.promote.heldout import Said, asked, every_class, outcome, recorded
from mlfactory.promote.latency import measure_latency
from mlfactory.promote.reference import reference_for
from mlfactory.promote.training import HOLDOUT_FILE, Trained
from mlfactory.registry.models import LoadedModel, load_version
from mlfactory.registry.runs import read_frame
from mlfactory.registry.versions import register
from mlfactory.statistics.metrics import Outcome
from mlfactory.statistics.naive import naive_of, naive_outcome

_MISSING = "missing"
_MOST_LEVELS = 12
_ROWS_ASKED_AGAIN = 500
_DIGITS = 1e-9
"""Relative difference that sums in another order may make."""


def register_version(product: Product, trained: Trained) -> str:
    """Register a training's model with where it comes from as tags, and return its version."""
    tags: dict[str, Any] = {
        "partition": trained.cutoff,
        "training_id": trained.training_id,
        "seen_through": trained.seen_through,
        "features_version": trained.snapshot["features_version"],
        "labels_version": trained.snapshot["labels_version"],
        "spec_hash": product.spec_hash,
        "code_revision": code_revision(),
        "reason": trained.snapshot["reason"],
        "candidate": trained.fit["candidate"],
    }
    if trained.fit.get("threshold") is not None:
        tags["threshold"] = trained.fit["threshold"]
    model_uri = str(trained.fit["model_uri"])
    return register(product.name, model_uri, trained.run_id, tags)


def gather(product: Product, trained: Trained, version: str, champion: Entry | None) -> Evidence:
    """Ask the version, and whom it must beat, about the held-out rows."""
    spec = product.spec
    held_out = read_frame(trained.run_id, HOLDOUT_FILE)
    served = _load(product, version)
    classes = _classes(product, trained, served.model, held_out)
    candidate = recorded(held_out, "candidate", classes)
    reference = reference_for(product, trained, champion, held_out, classes)
    others = [reference.said] if reference.said is not None else []
    known = every_class(held_out, candidate, *others)
    ours = outcome(spec, held_out, candidate, known)
    reference_outcome = outcome(spec, held_out, others[0], known) if others else None
    timed = any(isinstance(gate, BoundGate) and gate.metric == LATENCY for gate in spec.gates)
    return Evidence(
        candidate=ours,
        reference=reference_outcome,
        constant=_constants(spec, ours),
        reference_name=reference.name,
        unfair=reference.problem,
        slices=_slices(held_out, [g.slice for g in spec.gates if isinstance(g, SliceGate)]),
        latency=measure_latency(served.model) if served.model and timed else None,
        trouble=served.trouble or _other_answers(served.model, held_out, candidate),
        cutoff=trained.cutoff,
        champion_cutoff=champion.partition if champion else None,
    )


@dataclass(frozen=True, eq=False)
class _Served:
    """The version as it would serve, or why it cannot."""

    model: LoadedModel | None
    trouble: str = ""


def _load(product: Product, version: str) -> _Served:
    try:
        return _Served(load_version(product.name, version))
    except IntegrityError as error:
        return _Served(None, error.problem)


def _classes(
    product: Product, trained: Trained, model: LoadedModel | None, held_out: pd.DataFrame
) -> tuple[str, ...]:
    """Return what the columns of the recorded scores stand for, nothing if there is one only."""
    if product.spec.label.kind != "multiclass":
        return ()
    told = trained.fit.get("classes") or (model.classes if model else None)
    return tuple(told or sorted(set(held_out["label"].astype("str"))))


def _other_answers(model: LoadedModel | None, held_out: pd.DataFrame, said: Said) -> str:
    """Tell where the version answers otherwise than when it was fitted; nothing if nowhere."""
    if model is None:
        return ""
    if not _same(model.answer(model.input_example).scores, model.expected):
        return "it answers its own input example otherwise than when it was fitted"
    now = asked(model, held_out.head(_ROWS_ASKED_AGAIN)).scores
    if not _same(now, said.scores[: len(now)]):
        return "it answers held-out rows otherwise than its training recorded"
    return ""


def _same(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=_DIGITS, atol=_DIGITS)


def _constants(spec: ProductSpec, ours: Outcome) -> dict[str, Outcome]:
    # of the held-out rows themselves, until the training says what the fitted ones were like
    names = np.array(ours.classes)[ours.y.astype(int)] if ours.classes else ours.y
    known = naive_of(names, ours.kind)
    metrics = metrics_for(ours.kind, costs=spec.business is not None)
    return {metric: naive_outcome(ours, metric, known) for metric in metrics}


def _slices(held_out: pd.DataFrame, columns: Sequence[str]) -> dict[str, pd.Series]:
    return {name: _levels(held_out[name]) for name in columns}


def _levels(values: pd.Series) -> pd.Series:
    """Return the values as names; many different numbers become the quarters they lie in."""
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > _MOST_LEVELS:
        values = pd.qcut(values, 4, duplicates="drop")
    return values.astype("str").fillna(_MISSING)
