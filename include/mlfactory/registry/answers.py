"""What an estimator says about rows, in one shape for every kind of label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import is_classifier


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says about rows.

    Attributes:
        scores: (rows,) probability of 1, or predicted value; (rows, classes) for several classes.
        decisions: (rows,) 0 or 1, predicted value, or the name of a class.
    """

    scores: npt.NDArray[np.float64]
    decisions: npt.NDArray[Any]


def answer_scores(estimator: Any, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return an estimator's scores: the probability of 1, of each class, or the value.

    A classifier whose classes are numbers is binary, one whose classes are names has several.
    """
    if not is_classifier(estimator):
        return np.asarray(estimator.predict(rows), dtype=np.float64)
    probabilities = np.asarray(estimator.predict_proba(rows), dtype=np.float64)
    if class_names(estimator) is not None:
        return probabilities
    # a classifier that has seen one class only has one column, whichever class that was
    positive = np.flatnonzero(np.asarray(estimator.classes_, dtype=np.float64) == 1)
    return probabilities[:, positive[0]] if len(positive) else np.zeros(len(rows))


def class_names(estimator: Any) -> tuple[str, ...] | None:
    """Return the names of a classifier's classes, None if it is binary or no classifier."""
    if not is_classifier(estimator):
        return None
    classes = np.asarray(estimator.classes_)
    if np.issubdtype(classes.dtype, np.number) or classes.dtype == np.bool_:
        return None
    return tuple(str(name) for name in classes)


def answer_decisions(
    estimator: Any, rows: pd.DataFrame, scores: npt.NDArray[np.float64]
) -> npt.NDArray[Any]:
    """Return what an estimator decides about rows it has given these `scores`."""
    if not is_classifier(estimator):
        return scores
    classes = class_names(estimator)
    if classes is not None:
        chosen: npt.NDArray[Any] = np.array(classes, dtype=object)[np.argmax(scores, axis=1)]
        return chosen
    threshold = getattr(estimator, "threshold", None)
    if isinstance(threshold, float):
        # what a FixedThresholdClassifier would answer, without asking its model a second time
        return (scores >= threshold).astype(np.float64)
    return np.asarray(estimator.predict(rows), dtype=np.float64)


def answers_table(answers: Answers, classes: tuple[str, ...] | None) -> pd.DataFrame:
    """Return answers as a table for people and other programs.

    Its columns are `score` (the probability of 1, the value, or the probability of the class that
    was chosen), `decision` (0 or 1, the value, or the class), and with several classes
    `probability_<class>` for each.
    """
    if classes is None:
        return pd.DataFrame({"score": answers.scores, "decision": answers.decisions})
    several = {f"probability_{name}": answers.scores[:, at] for at, name in enumerate(classes)}
    said = answers.decisions.astype(str)
    return pd.DataFrame({"score": answers.scores.max(axis=1), "decision": said, **several})
