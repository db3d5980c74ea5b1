"""Who is tried beside the champion: a new challenger takes an older one's place if no worse."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlfactory.lake.ledger import Reign
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.metrics import merit
from mlfactory.promote.judging import outcome_for
from mlfactory.promote.reference import ask, every_class, seen_by
from mlfactory.report.numbers import written
from mlfactory.statistics.metrics import Outcome, measure
from mlfactory.trainings.heldout import load_held_out
from mlfactory.trainings.records import Training


@dataclass(frozen=True)
class Beside:
    """How a candidate compares with the challenger that is tried already.

    Attributes:
        takes_its_place: whether the candidate is no worse on the same held-out rows.
        why: in words, for the ledger.
    """

    takes_its_place: bool
    why: str


def beside(tried: Reign | None, said: Outcome | None, candidate: Outcome, metric: str) -> Beside:
    """Compare a candidate with the challenger by the figures of both on the same rows.

    Args:
        tried: the challenger; None if there is none.
        said: its answers to the candidate's held-out rows; None if it cannot answer them.
    """
    if tried is None:
        return Beside(True, "nobody was tried beside the champion")
    name = f"challenger {tried.version}"
    if said is None:
        return Beside(True, f"{name} cannot answer the same rows")
    ours, theirs = measure(candidate, metric), measure(said, metric)
    gain = merit(metric, ours) - merit(metric, theirs)
    if math.isnan(gain):
        return Beside(True, f"{metric} does not tell it from {name}")
    figures = f"{metric} {written(ours)} against {written(theirs)} of {name}"
    return Beside(gain >= 0, figures)


def challengers_answers(
    product: Product, trained: Training, tried: Reign, candidate: Outcome
) -> Outcome | None:
    """Ask the challenger about a training's held-out rows; None if no comparison would be fair."""
    held_out = load_held_out(product.name, trained.training_id)
    try:
        asked = ask(product, tried.version, held_out)
    except UsageError:
        return None
    known = every_class(held_out, candidate.classes, asked.classes)
    if asked.said is None or known != (candidate.classes or ()):
        return None
    if seen_by(product, tried.training_id, trained, held_out):
        return None
    return outcome_for(product, held_out, asked.said, asked.classes, known)
