"""What a fitted model is worth: figures on held-out rows beside those of the best constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.inspection import permutation_importance

from mlfactory.product.gates import SliceGate
from mlfactory.product.metrics import merit, metrics_for
from mlfactory.product.spec import ProductSpec
from mlfactory.registry.answers import Answers, class_names
from mlfactory.statistics.estimate import interval
from mlfactory.statistics.metrics import Outcome, measure
from mlfactory.statistics.naive import Naive, naive_of, naive_outcome
from mlfactory.train.dataset import Rows
from mlfactory.trainings.heldout import levels
from mlfactory.trainings.outcomes import answer, outcome_of

MIN_ROWS_OF_A_SLICE = 50
"""With fewer rows a slice's figure would be told more by luck than by the model."""

_MOST_SLICES = 20
_IMPORTANCE_ROWS = 2_000
_IMPORTANCE_REPEATS = 3


@dataclass(frozen=True)
class Figure:
    """A metric of the model with its 95 % interval, and the best constant's on the same rows."""

    value: float
    low: float
    high: float
    baseline: float


@dataclass(frozen=True)
class Slice:
    """A metric of the rows that have one value in a column."""

    column: str
    value: str
    rows: int
    metric: str
    figure: float
    low: float
    high: float


@dataclass(frozen=True)
class Importance:
    """By how much the search's metric gets worse when a feature is shuffled."""

    feature: str
    mean: float
    spread: float


@dataclass(frozen=True, eq=False)
class Judged:
    """The answers of a model to the held-out rows.

    Attributes:
        classes: where there are several, one for each column of the scores.
        outcome: the answers with the truth, in blocks of time.
        naive: what the labels of the fitted rows tell without any feature.
    """

    answers: Answers
    classes: tuple[str, ...] | None
    outcome: Outcome
    naive: Naive

    def baseline(self, metric: str) -> float:
        """Return the figure of the constant answer that is best for a metric."""
        return measure(naive_outcome(self.outcome, metric, self.naive), metric)


@dataclass(frozen=True)
class Evaluation:
    """All figures of a fitted model."""

    metrics: dict[str, Figure]
    slices: tuple[Slice, ...]
    importance: tuple[Importance, ...]


def judge(spec: ProductSpec, model: Any, fitted: Rows, rows: Rows) -> Judged:
    """Let the model, fitted on the rows `fitted`, answer the held-out ones."""
    classes = class_names(model)
    answers = answer(model, rows.inputs)
    outcome = outcome_of(
        spec, rows.y, answers, known=classes, blocks=rows.blocks, groups=rows.groups
    )
    return Judged(answers, classes, outcome, naive_of(fitted.y, spec.label.kind))


def evaluate(spec: ProductSpec, model: Any, judged: Judged, rows: Rows, seed: int) -> Evaluation:
    """Measure every metric with its interval, the slices, and what each feature is worth."""
    metrics = {}
    for metric in metrics_for(spec.label.kind, costs=spec.business is not None):
        estimate = interval(judged.outcome, metric)
        bounds = (estimate.value, estimate.low, estimate.high)
        metrics[metric] = Figure(*bounds, judged.baseline(metric))
    return Evaluation(
        metrics=metrics,
        slices=tuple(_slices(spec, judged.outcome, rows, seed)),
        importance=_importance(spec, model, rows, seed),
    )


def _slices(spec: ProductSpec, outcome: Outcome, rows: Rows, seed: int) -> list[Slice]:
    wanted = {(column, spec.search_metric) for column in spec.features.sensitive}
    wanted |= {(gate.slice, gate.metric) for gate in spec.gates if isinstance(gate, SliceGate)}
    found = []
    for column, metric in sorted(wanted):
        values = levels(rows.frame[column])
        for value, count in values.value_counts().head(_MOST_SLICES).items():
            if count < MIN_ROWS_OF_A_SLICE:
                break
            part = outcome.take(np.flatnonzero(values == value))
            estimate = interval(part, metric)
            bounds = (estimate.value, estimate.low, estimate.high)
            found.append(Slice(column, str(value), int(count), metric, *bounds))
    return found


def _importance(spec: ProductSpec, model: Any, rows: Rows, seed: int) -> tuple[Importance, ...]:
    """Measure by shuffling one feature at a time (Breiman 2001, "Random forests")."""
    if len(rows) > _IMPORTANCE_ROWS:
        chosen = np.random.default_rng(seed).choice(len(rows), _IMPORTANCE_ROWS, replace=False)
        rows = rows.take(np.sort(chosen))
    classes = class_names(model)

    def score(estimator: Any, inputs: pd.DataFrame, y: npt.NDArray[np.generic]) -> float:
        outcome = outcome_of(spec, y, answer(estimator, inputs), known=classes)
        return merit(spec.search_metric, measure(outcome, spec.search_metric))

    measured = permutation_importance(
        model,
        rows.inputs,
        rows.y,
        scoring=score,
        n_repeats=_IMPORTANCE_REPEATS,
        random_state=seed,
    )
    found = [
        Importance(str(name), float(mean), float(spread))
        for name, mean, spread in zip(
            rows.inputs.columns, measured.importances_mean, measured.importances_std, strict=True
        )
    ]
    return tuple(sorted(found, key=lambda one: -one.mean))
