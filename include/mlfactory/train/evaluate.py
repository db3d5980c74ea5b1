"""What a fitted model is worth: figures on the held-out rows beside a naive baseline's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
from mlfactory.train.dataset import Rows
from mlfactory.train.outcomes import answer, outcome_of

MIN_ROWS_OF_A_SLICE = 50
"""With fewer rows a slice's figure would be told more by luck than by the model."""

_MOST_SLICES = 20
_MOST_LEVELS = 12
_IMPORTANCE_ROWS = 2_000
_IMPORTANCE_REPEATS = 3


@dataclass(frozen=True)
class Figure:
    """A metric of the model with its 95 % interval, and the baseline's on the same rows."""

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
    """The answers of a model and of the baseline to the held-out rows.

    Attributes:
        classes: of both, where there are several, one for each column of their scores.
        outcome: the model's answers with the truth, and the day of each row.
    """

    answers: Answers
    baseline_answers: Answers
    classes: tuple[str, ...] | None
    outcome: Outcome
    baseline_outcome: Outcome


@dataclass(frozen=True)
class Evaluation:
    """All figures of a fitted model."""

    metrics: dict[str, Figure]
    slices: tuple[Slice, ...]
    importance: tuple[Importance, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the figures for a file; those that are undefined are None."""
        content: dict[str, Any] = _without_nan(asdict(self))
        return content


def judge(spec: ProductSpec, model: Any, baseline: Any, rows: Rows) -> Judged:
    """Let the model and the baseline, fitted on the same rows, answer the held-out ones."""
    classes = class_names(model)
    ours, theirs = (answer(estimator, rows.inputs) for estimator in (model, baseline))
    blocks = None if rows.times is None else rows.blocks
    outcomes = [
        outcome_of(spec, rows.y, answers, classes=classes, blocks=blocks)
        for answers in (ours, theirs)
    ]
    return Judged(ours, theirs, classes, *outcomes)


def evaluate(spec: ProductSpec, model: Any, judged: Judged, rows: Rows, seed: int) -> Evaluation:
    """Measure every metric with its interval, the slices, and what each feature is worth."""
    metrics = {}
    for metric in metrics_for(spec.label.kind, costs=spec.business is not None):
        estimate = interval(judged.outcome, metric)
        baseline = measure(judged.baseline_outcome, metric)
        metrics[metric] = Figure(estimate.value, estimate.low, estimate.high, baseline)
    return Evaluation(
        metrics=metrics,
        slices=tuple(_slices(spec, judged.outcome, rows)),
        importance=_importance(spec, model, rows, seed),
    )


def _slices(spec: ProductSpec, outcome: Outcome, rows: Rows) -> list[Slice]:
    wanted = {(column, spec.search_metric) for column in spec.features.sensitive}
    wanted |= {(gate.slice, gate.metric) for gate in spec.gates if isinstance(gate, SliceGate)}
    found = []
    for column, metric in sorted(wanted):
        values = _levels(rows.frame[column])
        for value, count in values.value_counts().head(_MOST_SLICES).items():
            if count < MIN_ROWS_OF_A_SLICE:
                break
            part = outcome.take(np.flatnonzero(values == value))
            estimate = interval(part, metric)
            bounds = (estimate.value, estimate.low, estimate.high)
            found.append(Slice(column, str(value), int(count), metric, *bounds))
    return found


def _levels(values: pd.Series) -> pd.Series:
    """Return the values as names; many different numbers become the quarters they lie in."""
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > _MOST_LEVELS:
        values = pd.qcut(values, 4, duplicates="drop")
    return values.astype(object).where(values.notna(), "missing").astype(str)


def _importance(spec: ProductSpec, model: Any, rows: Rows, seed: int) -> tuple[Importance, ...]:
    """Measure by shuffling one feature at a time (Breiman 2001, "Random forests")."""
    if len(rows) > _IMPORTANCE_ROWS:
        chosen = np.random.default_rng(seed).choice(len(rows), _IMPORTANCE_ROWS, replace=False)
        rows = rows.take(np.sort(chosen))
    classes = class_names(model)

    def score(estimator: Any, inputs: pd.DataFrame, y: npt.NDArray[np.generic]) -> float:
        outcome = outcome_of(spec, y, answer(estimator, inputs), classes=classes)
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


def _without_nan(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not np.isfinite(content) else content
