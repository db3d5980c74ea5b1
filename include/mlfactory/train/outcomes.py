"""Answers of estimators, brought together with the truth."""

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
    y: npt.NDArray[np.generic],
    answers: Answers,
    *,
    classes: Sequence[str] | None = None,
    blocks: Ints | None = None,
) -> Outcome:
    """Return answers with their truth.

    Args:
        y: (rows,) as `Rows.y`: names where there are several classes.
        classes: those the model knows, one for each column of its scores. It gives no chance to
            a class it has never seen.
        blocks: (rows,) the day of each row.
    """
    kind = spec.label.kind
    if kind == "multiclass":
        truth, said = y.astype(str).tolist(), answers.decisions.astype(str).tolist()
        return named_outcome(truth, answers.scores, said, classes or (), blocks=blocks)
    costs = None
    if spec.business and kind == "binary":
        costs = (spec.business.false_negative, spec.business.false_positive)
    return Outcome(
        kind,
        y.astype(np.float64),
        answers.scores,
        np.asarray(answers.decisions, dtype=np.float64),
        costs=costs,
        blocks=blocks,
    )
