"""A model's answers brought together with the truth: made here by whoever measures a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.product.spec import ProductSpec
from mlfactory.registry.answers import Answers, answer_decisions, answer_scores
from mlfactory.statistics.metrics import Outcome, named_outcome
from mlfactory.statistics.statistic import Floats, Ints


def answer(estimator: Any, inputs: pd.DataFrame) -> Answers:
    """Return scores and decisions of a fitted estimator."""
    scores = answer_scores(estimator, inputs)
    return Answers(scores, answer_decisions(estimator, inputs, scores))


def decided(scores: Floats, threshold: float | None, classes: Sequence[str] | None) -> Answers:
    """Return scores with what is decided on them: 0 or 1, the name of a class, or the value."""
    if classes:
        return Answers(scores, np.array(classes, dtype=object)[np.argmax(scores, axis=1)])
    if threshold is None:
        return Answers(scores, scores)
    return Answers(scores, (scores >= threshold).astype(np.float64))


def outcome_of(
    spec: ProductSpec,
    truth: npt.NDArray[np.generic] | pd.Series,
    answers: Answers,
    *,
    known: Sequence[str] | None = None,
    classes: Sequence[str] = (),
    blocks: Ints | None = None,
    groups: Ints | None = None,
) -> Outcome:
    """Return answers with their truth.

    Args:
        truth: (rows,) 0 or 1, the value, or the name of the class.
        known: the classes the model knows, one for each column of its scores. It gives no chance
            to a class it has never seen.
        classes: all that the outcome is to have, so that outcomes can be compared with each
            other; by default the known ones and those that occur in the truth.
        blocks: (rows,) the day of each row, see `trainings.blocks`.
        groups: (rows,) the entity of each row.
    """
    kind = spec.label.kind
    if kind == "multiclass":
        names, said = ([str(one) for one in values] for values in (truth, answers.decisions))
        return named_outcome(
            names, answers.scores, said, known or (), classes=classes, blocks=blocks, groups=groups
        )
    costs = None
    if spec.business and kind == "binary":
        costs = (spec.business.false_negative, spec.business.false_positive)
    return Outcome(
        kind,
        np.asarray(truth, dtype=np.float64),
        np.asarray(answers.scores, dtype=np.float64),
        np.asarray(answers.decisions, dtype=np.float64),
        costs=costs,
        blocks=blocks,
        groups=groups,
    )
